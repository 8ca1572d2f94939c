// SPDX-License-Identifier: Apache-2.0
// Refuses a user of ours who does not exist; who is no user of ours is left to rcpt_to.in_host_list.
'use strict'

const users = ['info', 'postmaster', 'abuse']

exports.register = function () {
    this.register_hook('rcpt', 'known_user')
}

exports.known_user = function (next, connection, params) {
    const address = params[0]
    const ours = this.config.get('host_list', 'list').includes(address.host && address.host.toLowerCase())
    if (!ours || users.includes(address.user.toLowerCase())) return next()
    next(DENY, `no such user: ${address.user}`)
}
