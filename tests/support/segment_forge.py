"""Takes a segment file apart and puts it together again with other content, every checksum made anew:
what somebody could write who has read formats/README.md. Needs the zstd program."""

import collections
import hashlib
import json
import struct
import subprocess

MAGIC = b"\x5e\x2a\x4d\x18"
END = b"osaEND1\n"

# text: of the frame in front, None for a record without one.  json: as an object.
Part = collections.namedtuple("Part", "text tag json")


def take_apart(path):
    """The records of a segment in order, each batch's with the text of its frame. The first frame
    stands before the header."""
    with open(path, "rb") as file:
        content = file.read()
    parts, frame, at = [], b"", 0
    while at < len(content):
        if content[at : at + 4] != MAGIC:
            # A frame ends where the next record begins; its bytes may hold the magic by chance.
            end = _next_record(content, at)
            frame, at = content[at:end], end
            continue
        (size,) = struct.unpack_from("<I", content, at + 4)
        tag, payload = content[at + 8 : at + 16], content[at + 48 : at + 8 + size - 12]
        text = None
        if tag == b"osaBATC1":
            text = subprocess.run(["zstd", "-dqc"], input=frame, capture_output=True, check=True).stdout
        parts.append(Part(text, tag, json.loads(payload)))
        at += 8 + size
    return parts


def _next_record(content, at):
    while True:
        at = content.index(MAGIC, at)
        if content[at + 8 : at + 11] == b"osa":
            return at
        at += 1


def _record(tag, json_object):
    text = json.dumps(json_object, separators=(",", ":"), ensure_ascii=False).encode()
    payload = tag + hashlib.sha256(tag + text).digest() + text
    size = len(payload) + 12
    return MAGIC + struct.pack("<I", size) + payload + struct.pack("<I", size + 8) + END


def _hash(record):
    return hashlib.sha256(record[8:]).hexdigest()


def put_together(parts, path):
    """Writes an open segment (no footer) out of a header and batches. Frame, place, chain and hash
    are computed; rows and digest are what the parts say."""
    content, previous, header = b"", None, None
    for part in parts:
        if part.tag == b"osaHEAD1":
            header = _record(part.tag, part.json)
            previous = _hash(header)
        elif part.tag == b"osaBATC1":
            frame = subprocess.run(
                ["zstd", "-qc", "--check", f"--stream-size={len(part.text)}"], input=part.text, capture_output=True, check=True
            ).stdout
            batch = dict(part.json)
            batch.update(
                text_bytes=len(part.text),
                frame_offset=len(content),
                frame_bytes=len(frame),
                frame_sha256=hashlib.sha256(frame).hexdigest(),
                previous_record=previous,
            )
            record = _record(part.tag, batch)
            content += frame + (header if not content else b"") + record
            previous = _hash(record)
    with open(path, "wb") as file:
        file.write(content)
    return path


def canonical(values):
    """The canonical bytes of a row of texts (None for NULL)."""
    return b"".join(
        b"\0" if value is None else b"\1" + struct.pack("<Q", len(value)) + value for value in values
    )


def digest(rows):
    """Of a batch, out of the canonical bytes of its rows."""
    return hashlib.sha256(b"".join(sorted(hashlib.sha256(row).digest() for row in rows))).hexdigest()
