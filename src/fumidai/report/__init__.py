# SPDX-License-Identifier: Apache-2.0
"""What people and programs read: text, JSON and the dialogue of 2001, all from the same findings.

This room holds every sentence in both languages and every shape that goes out. It is pure: terminal width, colour,
time zone, language and what the output can encode come in as arguments.

Limits: it decides nothing. A verdict, a finding or an outcome is printed as the judge gave it.
"""
