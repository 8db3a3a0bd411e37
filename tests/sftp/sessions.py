"""Requests of every kind, made up."""

from hypothesis import strategies as st

from gateway.sftp import Attributes, OpenFlag, requests
from gateway.sftp.fields import EXTENSION_BYTES_MAX, HANDLE_BYTES_MAX, PATH_BYTES_MAX

u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
some_bytes = st.binary(max_size=40)
paths = some_bytes | st.binary(min_size=PATH_BYTES_MAX, max_size=PATH_BYTES_MAX)
handles = some_bytes | st.binary(min_size=HANDLE_BYTES_MAX, max_size=HANDLE_BYTES_MAX)
# paramiko keeps them in a dict, one way round or the other.
pairs = st.lists(
    st.tuples(some_bytes | st.just(b"x" * EXTENSION_BYTES_MAX), some_bytes),
    max_size=4,
    unique_by=(lambda pair: pair[0], lambda pair: pair[1]),
).map(tuple)
permissions = st.none() | u32
two = st.tuples(u32, u32) | st.just((None, None))


@st.composite
def attributes(draw):
    uid, gid = draw(two)
    accessed_s, modified_s = draw(two)
    return Attributes(draw(st.none() | u64), uid, gid, draw(permissions), accessed_s, modified_s, draw(pairs))


opened_for = st.integers(0, 0x3F).map(OpenFlag)
of_path = st.sampled_from(
    [
        *(requests.Lstat, requests.Opendir, requests.Remove, requests.Rmdir, requests.Realpath, requests.Stat),
        requests.Readlink,
    ]
)
of_handle = st.sampled_from([requests.Close, requests.Fstat, requests.Readdir])
of_two_paths = st.sampled_from([requests.Rename, requests.PosixRename, requests.Symlink])
later_requests = st.one_of(
    st.builds(requests.Open, u32, paths, opened_for, attributes()),
    st.builds(requests.Read, u32, handles, u64, u32),
    st.builds(requests.Write, u32, handles, u64, st.binary(max_size=300).map(memoryview)),
    st.builds(lambda kind, *fields: kind(*fields), of_path, u32, paths),
    st.builds(lambda kind, *fields: kind(*fields), of_handle, u32, handles),
    st.builds(lambda kind, *fields: kind(*fields), of_two_paths, u32, paths, paths),
    st.builds(requests.Setstat, u32, paths, attributes()),
    st.builds(requests.Mkdir, u32, paths, attributes()),
    st.builds(requests.Fsetstat, u32, handles, attributes()),
    st.builds(requests.Limits, u32),
)
inits = st.builds(requests.Init, u32, pairs)
