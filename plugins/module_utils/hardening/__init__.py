"""What the hardening modules share: it runs on the hosts themselves.

``given`` checks what a plan says, field by field. A ``steps`` class for each kind looks at a
``draft``: the host as it would be after the steps before it; looking writes nothing. What the
draft holds in the end is done at once: ``kept`` keeps everything that it touches, ``validation``
asks sshd, visudo, nft and the rest about the new files, ``applying`` puts them in place,
``activations`` makes services read them, ``effects`` changes what is live, each with its way back.
``guard`` brings a risky stage back by itself, ``undoing`` the whole change.
"""

from __future__ import annotations
