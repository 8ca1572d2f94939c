# SPDX-License-Identifier: Apache-2.0
"""How a page of a trace looks: system fonts, one accent colour, light and dark, the same on paper.

Contrast is at least 4.5:1 for every text on its ground in both (WCAG 2.2, 1.4.3); tests/report computes it from the
colours below.
"""

from __future__ import annotations

from typing import Final

#: Colours by their use: text, quiet text, ground, lines, the one accent.
LIGHT: Final = {"ink": "#1b1f24", "quiet": "#57606a", "paper": "#ffffff", "shade": "#f3f5f7", "accent": "#a8321c"}
DARK: Final = {"ink": "#e6e9ec", "quiet": "#a3abb3", "paper": "#14171a", "shade": "#20252a", "accent": "#ff9a80"}


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


STYLE: Final = (
    f":root{{color-scheme:light dark;{_variables(LIGHT)}}}"
    f"@media screen and (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}"
    """
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1rem}
article+article{border-top:1px solid var(--quiet);margin-top:2.5rem;padding-top:1rem}
h1,h2{line-height:1.25;overflow-wrap:anywhere}
h1{font-size:1.5rem}
h2{font-size:1.1rem;margin-top:2rem}
.word{color:var(--accent);margin-right:.6em}
.quiet,figcaption{color:var(--quiet)}
p,li,td,code,pre{overflow-wrap:anywhere}
pre,code,.mono{font-family:ui-monospace,monospace;font-size:.9em}
pre{background:var(--shade);padding:.6rem;white-space:pre-wrap;margin:.5rem 0}
mark{background:none;color:inherit;border-bottom:2px solid var(--accent)}
mark b{font:700 .7em system-ui,sans-serif;color:var(--accent);padding-left:.25em;user-select:none}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.25rem .75rem .25rem 0;vertical-align:top;border-bottom:1px solid var(--shade)}
td.n,th.n{text-align:right}
figure{margin:1rem 0;overflow-x:auto}
svg{display:block;max-width:100%;height:auto;min-width:22rem}
svg text{fill:var(--ink);font-family:system-ui,sans-serif}
svg .quiet{fill:var(--quiet)}
svg .accent{fill:var(--accent)}
svg .edge{stroke:var(--quiet);fill:none;stroke-width:2}
svg .host{stroke:var(--ink);fill:var(--paper);stroke-width:2}
svg .relay{stroke:var(--accent);stroke-width:4}
svg .claimed{stroke-dasharray:4 3}
svg .bar{fill:var(--accent)}
@media print{main{max-width:none;padding:0}article,figure,li{break-inside:avoid}}
"""
)
