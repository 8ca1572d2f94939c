# SPDX-License-Identifier: Apache-2.0
"""What outlives a run: the state folder, the token key, run folders and Maildirs.

Everything is plain files that a person can read and hand on. What must not be lost is on disk before anybody is
told that it was taken.
"""
