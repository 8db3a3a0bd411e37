"""SFTP version 3, the server's side (draft-ietf-secsh-filexfer-02): requests out of bytes, and answers into bytes.

Pure: no I/O, no clock. `PacketReader` cuts the stream into requests, `answers` writes what is said to them, `paths`
keeps names what they are, data, and `Coverage` knows which bytes of a file have come or gone.
"""
