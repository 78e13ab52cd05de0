"""Makes tests/checkpoint/golden/torch/: state dicts written by torch.save, and what PyTorch reads in them.

    python tools/goldens/torch_files.py

  single/    the tensors of ../single (checkpoint.py) as pytorch_model.bin
  sharded/   the same in two shards with an index, as save_pretrained left them
  views/     pytorch_model.bin with tied, transposed, strided, repeated and parameter tensors of all dtypes, a module's
             state dict with its _metadata; model.safetensors beside it holds the same values, each tensor by itself
  variants/  the tensors of views/ in other forms that PyTorch writes or reads: the other byte order, zip64, without
             checksums, by pickle protocol 4, and as PyTorch 1.6 laid it out

PyTorch itself reads every one of them here and finds the same tensors.
"""
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path

import torch
from safetensors.torch import save_file

from checkpoint import tensors as plain_tensors

GOLDEN = Path(__file__).parents[2] / "tests/checkpoint/golden/torch"

WIDTHS = {"FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "DoubleStorage": 8, "LongStorage": 8,
          "IntStorage": 4, "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1, "BoolStorage": 1}


def view_tensors() -> dict:
    """A module's state dict, with tensors of every kind put into it. Every tensor has at most four dimensions."""
    torch.manual_seed(1)
    state = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).state_dict()
    base = torch.randn(6, 8)
    state["tied.a"] = base
    state["tied.b"] = base
    state["transposed"] = base.t()
    state["rows"] = base[2:4]
    state["columns"] = base[:, 1::3]
    state["permuted.f16"] = torch.randn(2, 3, 4, 5).half().permute(2, 0, 3, 1)
    state["channels_last.bf16"] = torch.randn(2, 3, 4, 4).bfloat16().to(memory_format=torch.channels_last)
    state["repeated"] = torch.tensor([1.5, -2.0]).expand(3, 2)
    state["repeated.each"] = torch.randn(3, 1).expand(3, 4)
    state["scalar"] = base[3, 4]
    state["empty"] = torch.zeros(0, 4)
    state["empty.view"] = base[:, 8:]
    state["parameter"] = torch.nn.Parameter(torch.randn(3).bfloat16())
    state["frozen"] = torch.nn.Parameter(torch.arange(4).half(), requires_grad=False)
    for dtype in (torch.float64, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool):
        state[str(dtype).removeprefix("torch.")] = torch.tensor([1, 0, 1]).to(dtype)
    state["größe.日本"] = torch.ones(1)
    return state


def saved(state: dict, **options) -> bytes:
    out = io.BytesIO()
    torch.save(state, out, **options)
    return out.getvalue()


# ---------------------------------------------------------------------------------------------------------------
# Other forms


def records(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as z:
        return {i.filename: z.read(i) for i in z.infolist()}


def packed(contents: dict[str, bytes], align: int = 64, zip64: bool = False, streamed: bool = False) -> bytes:
    """A zip archive of stored records whose data begin at multiples of `align`. With zip64 every size and place stands
    in zip64 fields; `streamed` leaves the sizes out of the records' own headers, as PyTorch does."""
    out, directory = bytearray(), bytearray()
    for name, data in contents.items():
        raw, place, size, crc = name.encode(), len(out), len(data), zlib.crc32(data)
        padding = -(place + 30 + len(raw) + 4) % align
        extra = struct.pack("<HH", 0x4246, padding) + b"Z" * padding
        head = (0, 0, 0) if streamed else (crc, size, size)
        out += struct.pack("<IHHHHHIIIHH", 0x04034B50, 0, 8 if streamed else 0, 0, 0, 0, *head, len(raw), len(extra))
        out += raw + extra + data
        if streamed:
            out += struct.pack("<IIII", 0x08074B50, crc, size, size)
        wide = struct.pack("<HHQQQ", 1, 24, size, size, place) if zip64 else b""
        narrow = (0xFFFFFFFF,) * 3 if zip64 else (size, size, place)
        directory += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 0, 0, 8 if streamed else 0, 0, 0, 0, crc, *narrow[:2],
                                 len(raw), len(wide), 0, 0, 0, 0, narrow[2]) + raw + wide
    begin, count, size = len(out), len(contents), len(directory)
    out += directory
    if zip64:
        end = len(out)
        out += struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, size, begin)
        out += struct.pack("<IIQI", 0x07064B50, 0, end, 1)
        count, size, begin = 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF
    out += struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, size, begin, 0)
    return bytes(out)


def storage_types(pickled: bytes) -> dict[str, str]:
    """The storage type of each key: torch.save writes them one after the other, with the key."""
    import pickletools
    kinds, memo, found, last = {}, [], None, None
    for op, arg, _ in pickletools.genops(pickled):
        if op.name == "GLOBAL" and arg.endswith("Storage"):
            last = arg.split()[1]
        elif op.name in ("BINPUT", "LONG_BINPUT"):
            memo += [last] if len(memo) == arg else []
            continue
        elif op.name in ("BINGET", "LONG_BINGET"):
            last = memo[arg]
        elif op.name == "BINUNICODE":
            if last in WIDTHS:
                kinds[arg] = last
            last = None
        else:
            last = None
    return kinds


def big_endian(contents: dict[str, bytes]) -> dict[str, bytes]:
    """The archive as a machine with the other byte order writes it."""
    folder = next(iter(contents)).split("/")[0]
    kinds = storage_types(contents[f"{folder}/data.pkl"])
    out = {}
    for name, data in contents.items():
        if name.startswith(f"{folder}/data/"):
            width = WIDTHS[kinds[name.rsplit("/", 1)[1]]]
            data = b"".join(data[i:i + width][::-1] for i in range(0, len(data), width))
        out[name] = b"big" if name.endswith("/byteorder") else data
    return out


def old_layout(contents: dict[str, bytes]) -> dict[str, bytes]:
    """The records that PyTorch 1.6 wrote, in its folder and order."""
    kept = [n for n in contents if n.endswith("/data.pkl") or "/data/" in n] + [n for n in contents if n.endswith("/version")]
    return {"archive/" + name.split("/", 1)[1]: contents[name] for name in kept}


def variants(state: dict) -> dict[str, bytes]:
    contents = records(saved(state))
    torch.serialization.set_crc32_options(False)
    unchecked = saved(state)
    torch.serialization.set_crc32_options(True)
    return {
        "big_endian": packed(big_endian(contents)),
        "zip64": packed(contents, zip64=True, streamed=True),
        "no_checksums": unchecked,
        "protocol4": saved(state, pickle_protocol=4),
        "old": packed(old_layout(contents), align=1),
    }


# ---------------------------------------------------------------------------------------------------------------


def apart(state: dict) -> dict:
    """Each tensor by itself, as safetensors wants them."""
    return {name: t.detach().clone(memory_format=torch.contiguous_format) for name, t in state.items()}


def check(path: Path, expected: dict) -> None:
    found = torch.load(path, weights_only=False)           # our own; the safe reader knows protocol 2 alone
    assert list(found) == list(expected), path
    for name, t in expected.items():
        assert found[name].dtype == t.dtype and torch.equal(found[name], t), (path, name)


def write(path: Path, data: bytes, expected: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    check(path, expected)


def write_shards(state: dict) -> None:
    names = sorted(state)
    parts = {"pytorch_model-00001-of-00002.bin": names[:5], "pytorch_model-00002-of-00002.bin": names[5:]}
    for file, part in parts.items():
        tensors = {n: state[n] for n in part}
        write(GOLDEN / "sharded" / file, saved(tensors), tensors)
    index = {"metadata": {"total_size": sum(t.numel() * t.element_size() for t in state.values())},
             "weight_map": {n: file for file, part in parts.items() for n in part}}
    (GOLDEN / "sharded/pytorch_model.bin.index.json").write_text(json.dumps(index, indent=2) + "\n")


def main():
    plain, views = plain_tensors(), view_tensors()
    write(GOLDEN / "single/pytorch_model.bin", saved(plain), plain)
    write_shards(plain)
    write(GOLDEN / "views/pytorch_model.bin", saved(views), views)
    save_file(apart(views), GOLDEN / "views/model.safetensors", metadata={"format": "pt"})
    (GOLDEN / "views/model.safetensors").chmod(0o644)
    for name, data in variants(views).items():
        write(GOLDEN / f"variants/{name}.bin", data, views)


if __name__ == "__main__":
    main()
