# SPDX-License-Identifier: Apache-2.0
"""Small files of every kind that magpie reads, made on the spot: nothing third-party is committed."""

import math
import struct
import wave
import zlib


def pdf(pages, encrypt=None, title="A test document"):
    """A PDF with one line of text after another on each page."""
    objects = []

    def add(body):
        objects.append(body)
        return len(objects)

    font = add(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    pages_number = len(objects) + 2 * len(pages) + 1
    kids = []
    for lines in pages:
        text = (
            b"BT /F1 12 Tf 72 720 Td 14 TL "
            + b"".join(
                b"("
                + line.encode("latin-1").replace(b"(", b"\\(").replace(b")", b"\\)")
                + b") Tj T* "
                for line in lines
            )
            + b"ET"
        )
        content = add(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text))
        kids.append(
            add(
                b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
                b"/Resources << /Font << /F1 %d 0 R >> >> >>" % (pages_number, content, font)
            )
        )
    assert (
        add(
            b"<< /Type /Pages /Kids [%s] /Count %d >>"
            % (b" ".join(b"%d 0 R" % k for k in kids), len(kids))
        )
        == pages_number
    )
    catalog = add(b"<< /Type /Catalog /Pages %d 0 R >>" % pages_number)
    info = add(b"<< /Title (%s) /Author (A. Tester) >>" % title.encode("latin-1"))
    trailer = b"/Root %d 0 R /Info %d 0 R" % (catalog, info)
    if encrypt:
        # A standard security handler whose keys fit no password we know: opening needs one.
        number = add(
            b"<< /Filter /Standard /V 1 /R 2 /Length 40 /P -4 /O <%s> /U <%s> >>"
            % (b"41" * 32, b"42" * 32)
        )
        trailer += b" /Encrypt %d 0 R /ID [<%s> <%s>]" % (number, b"00" * 16, b"00" * 16)
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for i, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (i, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % o for o in offsets)
    out += b"trailer << /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        trailer,
        start,
    )
    return bytes(out)


def png(width, height, pixel=lambda x, y: (200, 30, 30)):
    """A small RGB PNG."""
    rows = b"".join(
        b"\0" + bytes(c for x in range(width) for c in pixel(x, y)) for y in range(height)
    )
    return png_of_stream(width, height, zlib.compress(rows, 9))


def png_of_stream(width, height, stream):
    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", stream)
        + chunk(b"IEND", b"")
    )


def png_bomb(side=30000):
    """side x side pixels in a small file: one row compressed over and over."""
    packer = zlib.compressobj(9)
    row = b"\0" * (1 + 3 * side)
    stream = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return png_of_stream(side, side, stream)


def jpeg(width=200, height=150, colour=(30, 90, 200)):
    from io import BytesIO

    from PIL import Image, ImageDraw

    image = Image.new("RGB", (width, height), colour)
    ImageDraw.Draw(image).ellipse((20, 20, width - 20, height - 20), fill=(250, 220, 40))
    out = BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def tone(path, seconds=3.0, hertz=440.0, rate=16000, level=0.5):
    samples = (
        int(32767 * level * math.sin(2 * math.pi * hertz * n / rate))
        for n in range(int(seconds * rate))
    )
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(b"".join(struct.pack("<h", s) for s in samples))
