# SPDX-License-Identifier: Apache-2.0
"""Mail logs: who handed a message in, and what became of it.

    octets → line (time, program, text) → postfix | sendmail | exim | opensmtpd | qmail → Noted → join → Logged

One file for each family knows its wording; ``join`` puts together what several lines tell of one message, and can say
it as ``policy.Request``s.

Limits: pure and linear in the log; what is no line of these families is passed over. Text of a log is text of peers: a
HELO or a user name stands there as a client sent it.
"""
