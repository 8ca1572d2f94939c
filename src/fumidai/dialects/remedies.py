# SPDX-License-Identifier: Apache-2.0
"""How to mend each software, as data: what to do now, what to change, how to clear the queue, whom to tell.

A remedy fits a software (``containers`` stands for whatever eats client addresses, ``generic`` for what we don't know)
and one or more holes; ``cure`` chooses. Sentences are msgids for gettext; commands are those of the software's own
manual, in capitals what has to be filled in.

Limits: a command that changes something is only given where it can't make a closed server open, and the page tells how
to undo it. Commands were checked against the manuals of Debian 12's packages; those of qmail and Exchange against what
their makers publish.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fumidai.texts import N_


class Order(StrEnum):
    """When it is due, in the order of an emergency."""

    NOW = "now"
    MEND = "mend"
    CLEAR = "clear"
    PROVE = "prove"
    TELL = "tell"


class Hole(StrEnum):
    """What a remedy mends, the deepest first: who mends that one often mends the rest."""

    LOST_CLIENT_ADDRESS = "lost-client-address"
    OUTDATED = "outdated"
    PLAIN = "plain"
    TLS_AS_AUTH = "tls-as-auth"
    SENDER = "sender"
    HELO = "helo"
    SCOPE = "scope"
    ROUTE = "route"
    REFLECTS = "reflects"
    POSTMASTER = "postmaster"
    #: No hole: tests that nobody could make without a mailbox there.
    UNTRIED = "untried"


@dataclass(frozen=True, slots=True)
class Remedy:
    """One thing that can be done.

    Attributes:
        id: stable id.
        software: page name: ``sendmail``, ``postfix`` …, ``containers``, ``generic``.
        order: when it is due.
        text: msgid, one sentence without its final stop.
        commands: to be pasted, one a line.
        holes: what it mends; empty for now, clear and tell, which fit all.
        look: it only looks, so it also fits where nothing is proven yet.
    """

    id: str
    software: str
    order: Order
    text: str
    commands: tuple[str, ...] = ()
    holes: frozenset[Hole] = frozenset()
    look: bool = False


def _mend(identity: str, text: str, *commands: str, holes: tuple[Hole, ...]) -> Remedy:
    return Remedy(identity, identity.partition("-")[0], Order.MEND, text, commands, frozenset(holes))


def _step(identity: str, order: Order, text: str, *commands: str, look: bool = False) -> Remedy:
    return Remedy(identity, identity.partition("-")[0], order, text, commands, look=look)


_LOOK = N_("look whether it still waits in the queue, before you change anything")
_HELO = N_("grant nothing by HELO name: it is only a claim")

_SENDMAIL = (
    _step(
        "sendmail-now",
        Order.NOW,
        N_("stop sendmail; other servers keep your mail and try again for days"),
        "service sendmail stop",
    ),
    _step("sendmail-look", Order.NOW, _LOOK, "mailq", look=True),
    _mend(
        "sendmail-upgrade",
        N_("sendmail before 8.9 has no relay control: upgrade it; until then keep strangers away from port 25"),
        holes=(Hole.OUTDATED,),
    ),
    _mend(
        "sendmail-relay",
        N_("take promiscuous_relay out of sendmail.mc, name only your own in access and relay-domains, and rebuild"),
        "grep -nE 'relay|RELAY' /etc/mail/sendmail.mc /etc/mail/access /etc/mail/relay-domains",
        "make -C /etc/mail && service sendmail restart",
        holes=(Hole.PLAIN,),
    ),
    _mend(
        "sendmail-sender",
        N_("take relay_local_from, relay_mail_from and From: RELAY out: a sender is only a claim"),
        "grep -nE 'relay_(local|mail)_from' /etc/mail/sendmail.mc; grep -n '^From:.*RELAY' /etc/mail/access",
        "make -C /etc/mail && service sendmail restart",
        holes=(Hole.SENDER,),
    ),
    _mend(
        "sendmail-scope",
        N_("take relay_based_on_MX and relay_entire_domain out: anybody can name you as his MX"),
        "grep -nE 'relay_based_on_MX|relay_entire_domain|bestmx_is_local' /etc/mail/sendmail.mc",
        "make -C /etc/mail && service sendmail restart",
        holes=(Hole.SCOPE,),
    ),
    _mend(
        "sendmail-route",
        N_("take loose_relay_check and rules of your own that rewrite % or ! out of sendmail.mc, and rebuild"),
        "grep -nE 'loose_relay_check|nopercenthack|nouucp|LOCAL_R' /etc/mail/sendmail.mc",
        "make -C /etc/mail && service sendmail restart",
        holes=(Hole.ROUTE,),
    ),
    _mend("sendmail-helo", _HELO, "grep -nE 'LOCAL_RULE|Local_check' /etc/mail/sendmail.mc", holes=(Hole.HELO,)),
    _mend(
        "sendmail-reflects",
        N_("let the outermost server know every recipient, so that it refuses the unknown ones instead of bouncing"),
        "grep -nE 'LUSER_RELAY|mailertable|virtusertable' /etc/mail/sendmail.mc",
        holes=(Hole.REFLECTS,),
    ),
    _step(
        "sendmail-clear",
        Order.CLEAR,
        N_("set strangers' mail in the queue aside, look at it, and delete it"),
        "sendmail -Qrelayed -qSSENDER",
        "mailq -qQ",
    ),
)

_POSTFIX = (
    _step(
        "postfix-now",
        Order.NOW,
        N_("hold the queue and let nothing leave; mail for you still comes in"),
        "postsuper -h ALL",
        "postconf -e 'defer_transports = smtp, relay' && postfix reload",
    ),
    _step("postfix-look", Order.NOW, _LOOK, "postqueue -p", look=True),
    _mend(
        "postfix-relay",
        N_("trust only your own networks, refuse every other destination, and mind the -o lines of master.cf"),
        "postconf mynetworks mynetworks_style relay_domains smtpd_relay_restrictions; postconf -P",
        "postconf -e 'smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, "
        "reject_unauth_destination'",
        "postfix reload",
        holes=(Hole.PLAIN,),
    ),
    _mend(
        "postfix-tls",
        N_("TLS is no proof of who it is: take permit_tls_all_clientcerts and OK by TLS out of the lists"),
        "postconf -n | grep -nE 'clientcerts|ccert'; postconf -P | grep -n ccert",
        holes=(Hole.TLS_AS_AUTH,),
    ),
    _mend(
        "postfix-sender",
        N_("take sender tables with OK out of the lists before reject_unauth_destination: a sender is only a claim"),
        "postconf -n | grep -n check_sender_access; postconf -P | grep -n check_sender_access",
        holes=(Hole.SENDER,),
    ),
    _mend(
        "postfix-helo",
        _HELO,
        "postconf -n | grep -n check_helo_access; postconf -P | grep -n check_helo_access",
        holes=(Hole.HELO,),
    ),
    _mend(
        "postfix-scope",
        N_("take permit_mx_backup out, or name the networks of your own primaries; list relay_domains one by one"),
        "postconf relay_domains permit_mx_backup_networks; postconf -n | grep mx_backup",
        holes=(Hole.SCOPE,),
    ),
    _mend(
        "postfix-route",
        N_("take maps that rewrite %, ! or a second @ out, and don't allow routing by strangers"),
        "postconf -n | grep -nE 'regexp:|pcre:|untrusted_routing|resolve_dequoted'",
        "postconf -e 'allow_untrusted_routing = no' && postfix reload",
        holes=(Hole.ROUTE,),
    ),
    _mend(
        "postfix-reflects",
        N_("let Postfix know its recipients, so that it refuses the unknown ones instead of bouncing"),
        "postconf local_recipient_maps relay_recipient_maps smtpd_reject_unlisted_recipient",
        holes=(Hole.REFLECTS,),
    ),
    _step(
        "postfix-clear",
        Order.CLEAR,
        N_("delete strangers' mail from the queue, then let the rest go"),
        """postqueue -j | jq -r 'select(.sender == "SENDER") | .queue_id' | postsuper -d -""",
        "postsuper -H ALL && postconf -X defer_transports && postfix reload",
    ),
)

_EXIM = (
    _step(
        "exim-now",
        Order.NOW,
        N_("stop Exim; other servers keep your mail and try again for days"),
        "service exim4 stop",
    ),
    _step("exim-look", Order.NOW, _LOOK, "exim -bp", look=True),
    _mend(
        "exim-relay",
        N_("let the RCPT ACL accept only your own domains, your own hosts and those who gave a password"),
        "exim -bP +relay_from_hosts; exim -bP +relay_to_domains; exim -bP acl_smtp_rcpt",
        "exim -bh 198.51.100.7",
        holes=(Hole.PLAIN,),
    ),
    _mend(
        "exim-tls",
        N_("TLS is no proof of who it is: take 'encrypted = *' out of what accepts in the RCPT ACL"),
        "grep -rn 'encrypted' /etc/exim4 /etc/exim",
        holes=(Hole.TLS_AS_AUTH,),
    ),
    _mend(
        "exim-sender",
        N_("take 'accept senders' and 'accept sender_domains' out of the RCPT ACL: a sender is only a claim"),
        "grep -rnE '^ *(senders|sender_domains)' /etc/exim4 /etc/exim",
        holes=(Hole.SENDER,),
    ),
    _mend("exim-helo", _HELO, "grep -rn 'sender_helo_name' /etc/exim4 /etc/exim", holes=(Hole.HELO,)),
    _mend(
        "exim-scope",
        N_("list the domains you relay to one by one; @mx_any and a star let strangers in"),
        "exim -bP +relay_to_domains; grep -rn '@mx_' /etc/exim4 /etc/exim",
        holes=(Hole.SCOPE,),
    ),
    _mend(
        "exim-route",
        N_("deny local parts with @ % ! / or | in the RCPT ACL, and take percent hacks out of the routers"),
        "grep -rniE 'restricted characters|percent_hack|local_part.*%' /etc/exim4 /etc/exim",
        holes=(Hole.ROUTE,),
    ),
    _mend(
        "exim-reflects",
        N_("add 'require verify = recipient' to the RCPT ACL, so that unknown recipients are refused, not bounced"),
        "grep -rn 'verify *= *recipient' /etc/exim4 /etc/exim",
        holes=(Hole.REFLECTS,),
    ),
    _step(
        "exim-clear",
        Order.CLEAR,
        N_("delete strangers' mail from the queue, then start Exim again"),
        "exiqgrep -i -f 'SENDER' | xargs exim -Mrm",
        "service exim4 start",
    ),
)

_OPENSMTPD = (
    _step(
        "opensmtpd-now",
        Order.NOW,
        N_("let nothing leave; mail for you still comes in"),
        "smtpctl pause mta",
    ),
    _step("opensmtpd-look", Order.NOW, _LOOK, "smtpctl show queue", look=True),
    _mend(
        "opensmtpd-relay",
        N_("no rule may match from any for any without auth; name your own addresses in a table"),
        "grep -nE 'from (any|mail-from|rdns)|for any' /etc/mail/smtpd.conf /etc/smtpd.conf",
        "smtpd -n && service opensmtpd restart",
        holes=(Hole.PLAIN, Hole.SCOPE, Hole.TLS_AS_AUTH),
    ),
    _mend(
        "opensmtpd-sender",
        N_("take mail-from and rdns out of rules that relay: a sender is only a claim, a name is the client's own"),
        "grep -nE 'mail-from|rdns|helo' /etc/mail/smtpd.conf /etc/smtpd.conf",
        "smtpd -n && service opensmtpd restart",
        holes=(Hole.SENDER, Hole.HELO),
    ),
    _step(
        "opensmtpd-clear",
        Order.CLEAR,
        N_("delete strangers' mail from the queue, then let the rest go"),
        "smtpctl show queue | awk -F'|' '$5 == \"SENDER\" { print $1 }' | xargs -n 1 smtpctl remove",
        "smtpctl resume mta",
    ),
)

_QMAIL = (
    _step(
        "qmail-now",
        Order.NOW,
        N_("stop qmail-send; what is in the queue stays there"),
        "svc -d /service/qmail-send /service/qmail-smtpd",
    ),
    _step("qmail-look", Order.NOW, _LOOK, "/var/qmail/bin/qmail-qread", look=True),
    _mend(
        "qmail-relay",
        N_("write your domains into control/rcpthosts, without which qmail relays for all; RELAYCLIENT for your own"),
        "cat /var/qmail/control/rcpthosts; grep -rn RELAYCLIENT /etc/tcp.smtp /service/*/run",
        holes=(Hole.PLAIN, Hole.SENDER, Hole.HELO, Hole.SCOPE, Hole.TLS_AS_AUTH),
    ),
    _mend(
        "qmail-route",
        N_("remove control/percenthack: with it, user%elsewhere at your domain goes elsewhere"),
        "cat /var/qmail/control/percenthack",
        holes=(Hole.ROUTE,),
    ),
    _mend(
        "qmail-reflects",
        N_("let qmail-smtpd know its recipients (a recipient check patch): plain qmail takes all and bounces later"),
        holes=(Hole.REFLECTS,),
    ),
    _step(
        "qmail-clear",
        Order.CLEAR,
        N_("delete strangers' mail from the stopped queue, then start again"),
        "svc -u /service/qmail-send /service/qmail-smtpd",
    ),
)

_EXCHANGE = (
    _step(
        "exchange-now",
        Order.NOW,
        N_("hold all queues; mail for you still comes in"),
        "Get-Queue | Suspend-Queue -Confirm:$false",
    ),
    _step("exchange-look", Order.NOW, _LOOK, "Get-Queue | Get-Message", look=True),
    _mend(
        "exchange-relay",
        N_("take the right to send to any recipient from anonymous on every connector that strangers reach"),
        "Get-ReceiveConnector | Format-List Identity,Bindings,RemoteIPRanges,PermissionGroups,AuthMechanism",
        'Get-ReceiveConnector "SERVER\\CONNECTOR" | Remove-ADPermission -User "NT AUTHORITY\\ANONYMOUS LOGON" '
        "-ExtendedRights Ms-Exch-SMTP-Accept-Any-Recipient",
        holes=(Hole.PLAIN, Hole.SENDER, Hole.HELO, Hole.TLS_AS_AUTH),
    ),
    _mend(
        "exchange-scope",
        N_("list the accepted domains one by one; a star among them makes every domain yours"),
        "Get-AcceptedDomain | Format-Table DomainName,DomainType",
        holes=(Hole.SCOPE,),
    ),
    _mend(
        "exchange-route",
        N_("bring Exchange up to date: old ones unpack encapsulated addresses (IMCEA) after they have checked them"),
        "Get-ExchangeServer | Format-List Name,AdminDisplayVersion",
        holes=(Hole.ROUTE, Hole.OUTDATED),
    ),
    _mend(
        "exchange-reflects",
        N_("let it refuse unknown recipients instead of bouncing"),
        "Set-RecipientFilterConfig -RecipientValidationEnabled $true",
        holes=(Hole.REFLECTS,),
    ),
    _step(
        "exchange-clear",
        Order.CLEAR,
        N_("delete strangers' mail without notices, then let the rest go"),
        """Remove-Message -Filter "FromAddress -eq 'SENDER'" -WithNDR $false""",
        "Get-Queue | Resume-Queue",
    ),
)

_HARAKA = (
    _step(
        "haraka-now",
        Order.NOW,
        N_("stop Haraka; other servers keep your mail and try again for days"),
        "systemctl stop haraka",
    ),
    _step("haraka-look", Order.NOW, _LOOK, "haraka -c /etc/haraka --qlist", look=True),
    _mend(
        "haraka-relay",
        N_("set all=false in relay.ini, and keep only your own networks in relay_acl_allow"),
        "grep -n . /etc/haraka/config/relay.ini /etc/haraka/config/relay_acl_allow /etc/haraka/config/host_list",
        "grep -nE 'relay|rcpt_to|auth' /etc/haraka/config/plugins",
        holes=(Hole.PLAIN, Hole.SCOPE, Hole.TLS_AS_AUTH),
    ),
    _mend(
        "haraka-plugin",
        N_("look for a plugin of your own that sets connection.relaying by sender or HELO: both are only claims"),
        "grep -rn 'relaying' /etc/haraka/plugins",
        holes=(Hole.SENDER, Hole.HELO),
    ),
    _step(
        "haraka-clear",
        Order.CLEAR,
        N_("delete strangers' mail from the queue folder, then start Haraka again"),
        "haraka -c /etc/haraka --qlist",
        "systemctl start haraka",
    ),
)

_CONTAINERS = (
    _step(
        "containers-now",
        Order.NOW,
        N_("take the address that it saw out of the trusted networks, or publish port 25 on the IPv4 address only"),
        "ss -ltnp 'sport = :25'",
    ),
    _mend(
        "containers-address",
        N_("give the container real IPv6, or PROXY protocol, and take the bridge out of the trusted networks"),
        "docker network inspect -f '{{range .IPAM.Config}}{{.Subnet}} {{.Gateway}}{{end}}' bridge",
        holes=(Hole.LOST_CLIENT_ADDRESS,),
    ),
)

_GENERIC = (
    _step(
        "generic-now",
        Order.NOW,
        N_("stop the mail service or close port 25; other servers keep your mail and try again for days"),
    ),
    _step("generic-look", Order.NOW, _LOOK, look=True),
    _mend(
        "generic-relay",
        N_("let it take mail for your own domains from all, and for others only from your own networks or by password"),
        holes=(Hole.PLAIN, Hole.SCOPE),
    ),
    _mend(
        "generic-claim",
        N_("grant nothing by sender, HELO name or mere TLS: a stranger can claim them"),
        holes=(Hole.SENDER, Hole.HELO, Hole.TLS_AS_AUTH),
    ),
    _mend(
        "generic-route",
        N_("refuse recipients with %, !, quotes or a second @ in them, here and on whatever stands behind"),
        holes=(Hole.ROUTE,),
    ),
    _mend(
        "generic-reflects",
        N_("refuse unknown recipients while the client is still there; bounce nothing afterwards"),
        holes=(Hole.REFLECTS,),
    ),
    _mend(
        "generic-postmaster",
        N_("let postmaster at each of your domains reach a person"),
        holes=(Hole.POSTMASTER,),
    ),
    _mend(
        "generic-outdated",
        N_("bring the software up to date: this version is too old to stand in the open"),
        holes=(Hole.OUTDATED,),
    ),
    Remedy(
        "generic-untried",
        "generic",
        Order.PROVE,
        N_("test again with a mailbox there that may get test messages; the same options, and one more"),
        ("--local-user ADDRESS",),
        frozenset({Hole.UNTRIED}),
    ),
    _step(
        "generic-clear",
        Order.CLEAR,
        N_("delete strangers' mail from the queue before it starts again"),
    ),
    _step(
        "generic-tell",
        Order.TELL,
        N_("once it is closed, answer your provider and ask the lists to take you off"),
    ),
)

REMEDIES: Final = (
    *_SENDMAIL,
    *_POSTFIX,
    *_EXIM,
    *_OPENSMTPD,
    *_QMAIL,
    *_EXCHANGE,
    *_HARAKA,
    *_CONTAINERS,
    *_GENERIC,
)
