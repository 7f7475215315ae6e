"""HMAC-SHA-256 of many short messages under one key, cut to 128 bits, without a Python object per message.

The key's two blocks are compressed once (RFC 2104 §4 allows to keep the results); a twelve-digit number then costs two
compressions. Source: RFC 2104, FIPS 180-4, test vectors of RFC 4231.
"""

import hashlib

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy, memset

from linkage_core.kernels.arrow_loan cimport (
    BinaryColumn, BinaryLoan, FixedBinaryColumn, FixedBinaryLoan, bytes_at, fixed_bytes_at, is_valid,
)


cdef extern from "sha256.h" nogil:
    ctypedef void (*linkage_sha256_compress)(uint32_t* state, const uint8_t* block) noexcept nogil
    void linkage_sha256_portable(uint32_t* state, const uint8_t* block) noexcept
    void linkage_sha256_extensions(uint32_t* state, const uint8_t* block) noexcept
    int linkage_has_sha_extensions() noexcept

cdef enum:
    BLOCK_BYTES = 64
    DIGEST_BYTES = 32
    CUT_BYTES = 16

# SHA-256 states after the key's inner and outer block.
ctypedef struct KeyStates:
    uint32_t inner[8]
    uint32_t outer[8]
    linkage_sha256_compress compress


cdef inline void write_big_endian(const uint32_t* state, uint8_t* digest, int words) noexcept nogil:
    cdef int word
    for word in range(words):
        digest[4 * word] = state[word] >> 24
        digest[4 * word + 1] = (state[word] >> 16) & 0xFF
        digest[4 * word + 2] = (state[word] >> 8) & 0xFF
        digest[4 * word + 3] = state[word] & 0xFF


# Hash `size` bytes on from `state`, into which one block of 64 bytes has gone already.
cdef inline void finish(
    uint32_t* state, const uint8_t* message, int64_t size, linkage_sha256_compress compress
) noexcept nogil:
    cdef uint8_t block[BLOCK_BYTES]
    cdef int64_t bits = (BLOCK_BYTES + size) * 8, place
    while size >= BLOCK_BYTES:
        compress(state, message)
        message += BLOCK_BYTES
        size -= BLOCK_BYTES
    memset(block, 0, BLOCK_BYTES)
    memcpy(block, message, size)
    block[size] = 0x80
    if size >= BLOCK_BYTES - 8:
        compress(state, block)
        memset(block, 0, BLOCK_BYTES)
    for place in range(8):
        block[BLOCK_BYTES - 1 - place] = (bits >> (8 * place)) & 0xFF
    compress(state, block)


cdef inline void keyed_hash(
    const KeyStates* key, const uint8_t* message, int64_t size, uint8_t* digest, int words
) noexcept nogil:
    cdef uint32_t state[8]
    cdef uint8_t inner[DIGEST_BYTES]
    memcpy(state, key.inner, sizeof(state))
    finish(state, message, size, key.compress)
    write_big_endian(state, inner, 8)
    memcpy(state, key.outer, sizeof(state))
    finish(state, inner, DIGEST_BYTES, key.compress)
    write_big_endian(state, digest, words)


cdef void hash_fixed(const KeyStates* key, const FixedBinaryColumn* messages, uint8_t* digests) noexcept nogil:
    cdef int64_t row
    for row in range(messages.length):
        if is_valid(messages, row):
            keyed_hash(key, fixed_bytes_at(messages, row), messages.width, digests + row * CUT_BYTES, 4)
        else:
            memset(digests + row * CUT_BYTES, 0, CUT_BYTES)


cdef void hash_binary(const KeyStates* key, const BinaryColumn* messages, uint8_t* digests) noexcept nogil:
    cdef const uint8_t* message
    cdef int64_t row, size = 0
    for row in range(messages.length):
        if is_valid(messages, row):
            message = bytes_at(messages, row, &size)
            keyed_hash(key, message, size, digests + row * CUT_BYTES, 4)
        else:
            memset(digests + row * CUT_BYTES, 0, CUT_BYTES)


# A key, made ready once. It holds no more than the two states: they cannot be turned back into the key.
cdef class HashKey:
    """A secret key whose two blocks are already hashed.

    Args:
        key: secret bytes of any length; more than 64 are hashed first, as RFC 2104 says.
        portable: leave the processor's SHA extensions unused (the tests compare both paths).
    """

    cdef KeyStates states

    def __init__(self, bytes key not None, *, bint portable=False):
        cdef bytes block = (hashlib.sha256(key).digest() if len(key) > BLOCK_BYTES else key).ljust(BLOCK_BYTES, b"\0")
        cdef bytes inner = block.translate(bytes(value ^ 0x36 for value in range(256)))
        cdef bytes outer = block.translate(bytes(value ^ 0x5C for value in range(256)))
        cdef uint32_t[8] initial = [
            0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
        ]
        self.states.compress = linkage_sha256_portable
        if not portable and linkage_has_sha_extensions():
            self.states.compress = linkage_sha256_extensions
        memcpy(self.states.inner, initial, sizeof(initial))
        memcpy(self.states.outer, initial, sizeof(initial))
        self.states.compress(self.states.inner, <const uint8_t*> <const char*> inner)
        self.states.compress(self.states.outer, <const uint8_t*> <const char*> outer)

    def __dealloc__(self):
        memset(&self.states, 0, sizeof(KeyStates))

    def __reduce__(self):
        raise TypeError("a hash key is not for keeping or sending")

    def digest(self, bytes message not None):
        """The whole HMAC-SHA-256 of one message: 32 bytes."""
        cdef uint8_t digest[DIGEST_BYTES]
        keyed_hash(&self.states, <const uint8_t*> <const char*> message, len(message), digest, 8)
        return digest[:DIGEST_BYTES]


def uses_sha_extensions():
    """Whether this processor has the instructions the fast path needs."""
    return linkage_has_sha_extensions() != 0


def hash_fixed_column(HashKey key not None, messages, *, uint8_t[:, ::1] digests):
    """Write the first 16 bytes of the HMAC of every row of a fixed_size_binary column; zeros where a row is null."""
    cdef FixedBinaryLoan loan = FixedBinaryLoan(messages)
    cdef uint8_t* first = lend_digests(digests, loan.column.length)
    with nogil:
        hash_fixed(&key.states, &loan.column, first)


def hash_binary_column(HashKey key not None, messages, *, uint8_t[:, ::1] digests):
    """Write the first 16 bytes of the HMAC of every row of a binary or string column; zeros where a row is null."""
    cdef BinaryLoan loan = BinaryLoan(messages)
    cdef uint8_t* first = lend_digests(digests, loan.column.length)
    with nogil:
        hash_binary(&key.states, &loan.column, first)


cdef uint8_t* lend_digests(uint8_t[:, ::1] digests, int64_t rows) except? NULL:
    if digests.shape[0] != rows or digests.shape[1] != CUT_BYTES:
        raise ValueError("the output must have a row of 16 bytes for each message")
    return &digests[0, 0] if rows else NULL
