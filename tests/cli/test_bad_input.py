"""What is wrong with a checkpoint, a picture or a question is told in one line, exit 1, and nothing is left behind."""
import json
import struct
import unittest

from common import (CONSTRAINT, DATA, IMAGES, LLAMA, LLAVA, PICTURE, QUESTION, ProgramTest, edit_json, png, read_tensors,
                    write_tensors)


class Folders(ProgramTest):
    def test_no_such_folder(self):
        self.fails(self.trace(self.folder / "nowhere"), self.folder / "nowhere")

    def test_a_file_instead_of_a_folder(self):
        self.fails(self.trace(LLAVA / "config.json"), "config.json", "not a folder")

    def test_no_config(self):
        model = self.copy()
        (model / "config.json").unlink()
        self.fails(self.trace(model), model / "config.json")

    def test_config_is_a_folder(self):
        model = self.copy()
        (model / "config.json").unlink()
        (model / "config.json").mkdir()
        self.fails(self.trace(model), model / "config.json")

    def test_no_weights(self):
        model = self.copy()
        (model / "model.safetensors").unlink()
        self.fails(self.trace(model), model, "model.safetensors")

    def test_no_tokenizer(self):
        model = self.copy()
        (model / "tokenizer.json").unlink()
        self.fails(self.trace(model), "tokenizer.json")

    def test_every_command_that_opens_a_model_says_so(self):
        for command in ("info", "ask"):
            self.fails(self.program(command, self.folder / "nowhere", *(["Why?"] if command == "ask" else [])), "nowhere")


class Configs(ProgramTest):
    def test_broken_json(self):
        for text in ("", "{", "[]", "null", "{\"model_type\": }", "\0", b"\xff\xfe{", "{\"model_type\":\"llava\"} x"):
            self.fails(self.trace(self.with_text("config.json", text)), "config.json")

    def test_deep_json(self):
        for deep in ("[" * 10000, '{"a":' * 10000, '{"model_type":"llava","x":' + "[" * 10000 + "]" * 10000 + "}"):
            for name in ("config.json", "tokenizer.json", "processor_config.json"):
                self.fails(self.trace(self.with_text(name, deep), image=PICTURE), name)

    def test_unknown_family(self):
        self.fails(self.trace(self.with_config(model_type="mistral")), "config.json", "model_type", "mistral", "llava")
        self.fails(self.trace(self.with_config(model_type=None)), "config.json", "model_type")
        self.fails(self.trace(self.with_config(model_type=7)), "config.json", "model_type", "string")

    def test_unknown_parts(self):
        for changes, words in (
            ({"text_config__model_type": "mistral"}, ("text_config", "mistral")),
            ({"vision_config__model_type": "dinov2"}, ("vision tower", "dinov2")),
            ({"text_config__hidden_act": "relu6"}, ("hidden_act", "relu6")),
            ({"vision_config__hidden_act": "relu6"}, ("hidden_act", "relu6")),
            ({"projector_hidden_act": "relu6"}, ("projector_hidden_act", "relu6")),
            ({"vision_feature_layer": [-2, -1]}, ("vision_feature_layer", "list")),
            ({"vision_feature_layer": "last"}, ("vision_feature_layer", "string")),
            ({"vision_feature_layer": 4}, ("vision_feature_layer", "4")),
            ({"vision_feature_layer": -5}, ("vision_feature_layer", "-5")),
            ({"vision_feature_select_strategy": "mean"}, ("vision_feature_select_strategy", "mean")),
            ({"quantization_config": {"bits": 4}}, ("quantization_config",)),
            ({"text_config__rope_parameters": {"rope_type": "yarn", "factor": 2}}, ("yarn",)),
            ({"text_config__rope_parameters": {"rope_type": "default", "rope_theta": 0}}, ("theta",)),
            ({"text_config": []}, ("text_config", "array")),
            ({"vision_config": "clip"}, ("vision_config", "string")),
        ):
            with self.subTest(changes):
                self.fails(self.trace(self.with_config(**changes), image=PICTURE), "config.json", *words)

    def test_sizes_that_cannot_be(self):
        for key, values in (
            ("text_config__num_hidden_layers", (0, -1, 1.5, "4", 10**6, 10**30, True, [4])),
            ("text_config__hidden_size", (0, -32, 10**9, 10**18, {})),
            ("text_config__intermediate_size", (0, 10**9, 3 * 10**9)),
            ("text_config__num_attention_heads", (0, 3, 10**9)),
            ("text_config__num_key_value_heads", (0, 3, 8, 10**9)),
            ("text_config__head_dim", (0, 7, 2 * 10**9, 10**6)),
            ("text_config__vocab_size", (0, 10**9, -1)),
            ("text_config__rms_norm_eps", ("small", [])),
            ("vision_config__num_hidden_layers", (0, 10**6)),
            ("vision_config__hidden_size", (0, 21, 10**9)),
            ("vision_config__num_attention_heads", (0, 3)),
            ("vision_config__image_size", (0, 4, 20, 10**9)),
            ("vision_config__patch_size", (0, 16, 10**9)),
            ("image_token_index", (-1, 2**40, "x")),
        ):
            for value in values:
                with self.subTest(key=key, value=value):
                    model = self.with_config(**{key: value})
                    result = self.trace(model, image=PICTURE, timeout=20)
                    self.fails(result, model)

    def test_generation_config_and_patchbay_json(self):
        self.fails(self.trace(self.with_text("generation_config.json", "{")), "generation_config.json")
        self.fails(self.trace(self.with_text("patchbay.json", '{"template":1}')), "patchbay.json", "template")
        self.fails(self.trace(self.with_text("patchbay.json", '{"template":"mine"}')), "mine")

    def test_processor(self):
        for text in ("[]", '{"image_processor":{"size":"large"}}', '{"image_processor":{"image_mean":[1]}}',
                     '{"image_processor":{"crop_size":{"height":0,"width":0}}}',
                     '{"image_processor":{"size":{"shortest_edge":1000000000}}}'):
            self.fails(self.trace(self.with_text("processor_config.json", text), image=PICTURE), "processor_config.json")
        model = self.with_config(file="processor_config.json", image_processor__crop_size={"height": 10, "width": 10})
        self.fails(self.trace(model, image=PICTURE), PICTURE, "15x15")


class Weights(ProgramTest):
    def damaged(self, change, source=LLAVA):
        model = self.copy(source)
        tensors = read_tensors(model / "model.safetensors")
        change(tensors)
        write_tensors(model / "model.safetensors", tensors)
        return model

    def test_each_tensor_missing(self):
        """Every one of them, decoder, tower and projector: found missing when the model is opened."""
        for name in read_tensors(LLAVA / "model.safetensors"):
            if "layers.2" in name and "vision" in name or "post_layernorm" in name:
                continue                                   # what lies behind the features is not needed
            if "layers.1." in name or "layers.2." in name:
                continue                                   # as layers.0 and layers.3
            with self.subTest(name):
                model = self.damaged(lambda tensors: tensors.pop(name))
                # a tensor that names the prefix may be missed under its oldest name; a missing head is a tied one
                if name.endswith("lm_head.weight"):
                    self.succeeds(self.trace(model))
                else:
                    tail = name.split(".", 3)[-1] if "layers" in name else name.split(".")[-2]
                    self.fails(self.program("info", model), model, tail)

    def test_wrong_shape_names_both(self):
        for name in read_tensors(LLAVA / "model.safetensors"):
            if not ("embed_tokens" in name or "layers.3." in name or "linear_1" in name or "patch_emb" in name
                    or "position_embedding" in name):
                continue
            with self.subTest(name):
                def swap(tensors):
                    dtype, shape, values = tensors[name]
                    tensors[name] = (dtype, [len(values) // 2], values) if len(shape) > 1 else (dtype, [1] + shape, values)
                self.fails(self.program("info", self.damaged(swap)), "model.safetensors", name)

    def test_wrong_dtype(self):
        for dtype, width in (("I64", 8), ("F64", 8), ("I8", 1), ("U8", 1), ("BOOL", 1)):
            def retype(tensors):
                _, shape, _ = tensors["model.norm.weight"]
                tensors["model.norm.weight"] = (dtype, shape, bytes(width * shape[0]))
            self.fails(self.trace(self.damaged(retype, LLAMA)), "model.safetensors", "model.norm.weight", dtype)

    def test_nan_and_infinity_are_told_where_they_are_used(self):
        for name in ("model.embed_tokens.weight", "model.norm.weight", "model.layers.0.input_layernorm.weight",
                     "model.layers.2.mlp.down_proj.weight", "model.layers.1.self_attn.k_proj.weight"):
            for value in (float("nan"), float("inf"), -float("inf")):
                with self.subTest(name=name, value=value):
                    def poison(tensors):
                        dtype, shape, values = tensors[name]
                        tensors[name] = (dtype, shape, values[:-4] + struct.pack("<f", value))
                    model = self.damaged(poison, LLAMA)
                    self.succeeds(self.program("info", model))      # opening looks at no weight
                    self.fails(self.trace(model), "model.safetensors", name)

    def test_infinity_in_every_type_of_both_computations(self):
        """Weights that are used as they lie, widened, rounded, and cut into an adapter's factors."""
        name = "model.layers.1.mlp.up_proj.weight"
        for dtype, one, infinity in (("F32", b"\0\0\x80\x3f", b"\0\0\x80\x7f"), ("F16", b"\0\x3c", b"\0\x7c"),
                                     ("BF16", b"\x80\x3f", b"\x80\x7f")):
            def poison(tensors):
                _, shape, values = tensors[name]
                count = shape[0] * shape[1]
                tensors[name] = (dtype, shape, one * (count - 1) + infinity)
            model = self.damaged(poison, LLAMA)
            for compute in ("f32", "bf16"):
                with self.subTest(dtype=dtype, compute=compute):
                    self.fails(self.trace(model, "--dtype", compute), "model.safetensors", name, "holds inf at element")

    def test_infinity_in_an_adapter(self):
        adapter = DATA / "change/llava"
        for factor in ("lora_A", "lora_B"):
            target = self.copy(adapter)
            tensors = read_tensors(target / "adapter_model.safetensors")
            name = next(n for n in tensors if factor in n)
            dtype, shape, values = tensors[name]
            tensors[name] = (dtype, shape, values[:-4] + struct.pack("<f", float("inf")))
            self.assertEqual(dtype, "F32")
            write_tensors(target / "adapter_model.safetensors", tensors)
            with self.subTest(factor):
                self.fails(self.trace(LLAVA, "--lora", target, image=PICTURE), "adapter_model.safetensors", name, "holds inf")

    def test_nan_in_half_precision_tower_and_projector(self):
        for part in ("linear_1.bias", "linear_2.weight", "class_embedding", "patch_embedding.weight", "fc2.bias",
                     "pre_layrnorm.weight", "position_embedding.weight", "layer_norm1.bias"):
            name = next(n for n in read_tensors(LLAVA / "model.safetensors") if n.endswith(part))
            def poison(tensors):
                dtype, shape, values = tensors[name]
                tensors[name] = (dtype, shape, b"\xc0\x7f" + values[2:])
            with self.subTest(name):
                model = self.damaged(poison)
                self.fails(self.trace(model, image=PICTURE), "model.safetensors", name)

    def test_values_that_overflow_are_told(self):
        def enlarge(tensors):
            for name in tensors:
                if "down_proj" in name or "up_proj" in name:
                    dtype, shape, values = tensors[name]
                    tensors[name] = (dtype, shape, struct.pack("<f", 1e25) * (len(values) // 4))
        self.fails(self.trace(self.damaged(enlarge, LLAMA)))

    def test_truncated_and_overlong(self):
        raw = (LLAVA / "model.safetensors").read_bytes()
        for cut in (0, 1, 7, 8, 9, 100, len(raw) // 2, len(raw) - 1):
            self.fails(self.trace(self.with_text("model.safetensors", raw[:cut])), "model.safetensors")
        self.fails(self.trace(self.with_text("model.safetensors", raw + b"\0")), "model.safetensors")

    def test_header_beyond_the_file(self):
        raw = (LLAVA / "model.safetensors").read_bytes()
        for size in (len(raw), 2**40, 2**63, 2**64 - 1, 2**64 - 8):
            self.fails(self.trace(self.with_text("model.safetensors", struct.pack("<Q", size) + raw[8:])), "model.safetensors")

    def test_offsets_out_of_range_or_overlapping(self):
        raw = (LLAVA / "model.safetensors").read_bytes()
        size = struct.unpack("<Q", raw[:8])[0]
        for offsets in ([0, 10**9], [-1, 3], [5, 1], [2**63, 2**63 + 2], [0.5, 2], [0], "0:2"):
            header = json.loads(raw[8:8 + size])
            name = next(n for n in header if n.endswith("norm.weight"))
            header[name]["data_offsets"] = offsets
            text = json.dumps(header).encode()
            model = self.with_text("model.safetensors", struct.pack("<Q", len(text)) + text + raw[8 + size:])
            self.fails(self.trace(model), "model.safetensors")

    def test_shards(self):
        def sharded():
            model = self.copy(LLAMA)
            tensors = read_tensors(model / "model.safetensors")
            (model / "model.safetensors").unlink()
            names = sorted(tensors)
            files = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
            for file, part in files.items():
                write_tensors(model / file, {n: tensors[n] for n in part})
            weights = {n: file for file, part in files.items() for n in part}
            (model / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weights}))
            return model
        self.succeeds(self.program("info", sharded()))
        model = sharded()
        (model / "b.safetensors").unlink()
        self.fails(self.trace(model), "b.safetensors")
        model = sharded()
        (model / "b.safetensors").write_bytes((model / "b.safetensors").read_bytes()[:-5])
        self.fails(self.trace(model), "b.safetensors")
        for index in ("{}", "[]", '{"weight_map":[]}', '{"weight_map":{"x":1}}', '{"weight_map":{"x":"../../etc/passwd"}}',
                      '{"weight_map":{}}', '{"weight_map":{"x":"/etc/passwd"}}'):
            model = sharded()
            (model / "model.safetensors.index.json").write_text(index)
            self.fails(self.trace(model), model)


class Tokenizers(ProgramTest):
    def test_no_vocabulary(self):
        for changes in ({"model__vocab": None}, {"model__vocab": {}}, {"model": {}}, {"model": None}, {"model__vocab": []},
                        {"model__vocab": {"a": "b"}}, {"model__vocab": {"a": -1}}, {"model__type": "Unigram"}):
            with self.subTest(str(changes)[:60]):
                self.fails(self.trace(self.with_config(file="tokenizer.json", **changes)), "tokenizer.json")

    def test_merges_of_unknown_tokens(self):
        for merges in ([["zzz", "qqq"]], ["zzz qqq"], [1], ["a"], [["a"]], {"a": "b"}, [["a", "b", "c"]]):
            with self.subTest(merges):
                self.fails(self.trace(self.with_config(file="tokenizer.json", model__merges=merges)), "tokenizer.json")

    def test_added_tokens_of_wrong_kinds(self):
        for added in ({}, [1], [{"id": "x", "content": "y"}], [{"id": -5, "content": "y"}], [{"id": 3}]):
            with self.subTest(added):
                self.fails(self.trace(self.with_config(file="tokenizer.json", added_tokens=added)), "tokenizer.json")

    def test_more_tokens_than_embeddings(self):
        """The tokenizer knows tokens that the model has no row for: told when a prompt or an answer uses one."""
        model = self.copy(LLAMA)
        tensors = read_tensors(model / "model.safetensors")
        dtype, shape, values = tensors["model.embed_tokens.weight"]
        rows = 300
        tensors["model.embed_tokens.weight"] = (dtype, [rows, shape[1]], values[:rows * shape[1] * 4])
        write_tensors(model / "model.safetensors", tensors)
        edit_json(model / "config.json", {"vocab_size": rows})
        self.fails(self.trace(model), "300")
        tokens = ("--question", "a b", "--constraint", "a", "--corrupt", "swap:z")
        self.succeeds(self.trace(model, *tokens, question=None, constraint=None))
        for option in ("--answer", "--foil"):
            self.fails(self.trace(model, *tokens, option, "country", question=None, constraint=None), option, "300")


class Pictures(ProgramTest):
    def test_damaged(self):
        for name in ("rgb.jpg", "rgb8.png", "lossy.webp", "lossless.webp"):
            raw = (IMAGES / name).read_bytes()
            for cut in (0, 1, 12, len(raw) // 2):
                broken = self.folder / f"broken-{name}"
                broken.write_bytes(raw[:cut])
                with self.subTest(name=name, cut=cut):
                    self.fails(self.trace(LLAVA, image=broken), broken)

    def test_none(self):
        text = self.folder / "picture.png"
        text.write_text("no picture")
        self.fails(self.trace(LLAVA, image=text), text)
        self.fails(self.trace(LLAVA, image=self.folder), self.folder)
        self.fails(self.trace(LLAVA, image=self.folder / "absent.png"), "absent.png")
        self.fails(self.trace(LLAVA, image="/dev/zero"), "/dev/zero")

    def test_too_many_pixels(self):
        self.fails(self.trace(LLAVA, image=png(self.folder / "huge.png", 2**31 - 1, 2**31 - 1, b"")), "huge.png")
        self.fails(self.trace(LLAVA, image=png(self.folder / "huge.png", 40000, 40000, b"\0")), "huge.png")

    def test_pictures_of_every_kind_are_read(self):
        wide = png(self.folder / "wide.png", 40000, 3)
        tall = png(self.folder / "tall.png", 2, 40000)
        grey = png(self.folder / "grey.png", 5, 5, depth=16, colour=0)
        for picture in (IMAGES / "one.png", wide, tall, grey, IMAGES / "cmyk.jpg", IMAGES / "ycck.jpg",
                        IMAGES / "rgb16.png", IMAGES / "greyalpha16.png", IMAGES / "palette1.png"):
            with self.subTest(picture.name):
                self.succeeds(self.program("ask", LLAVA, "--image", picture, QUESTION, "--max-tokens", 1))

    def test_a_picture_for_a_decoder_alone(self):
        self.fails(self.trace(LLAMA, image=PICTURE), LLAMA, "no vision")


class Questions(ProgramTest):
    def test_sites_of_the_picture(self):
        tower, other = "vision.blocks.{l}.hook_attn_out", f"image:{IMAGES / 'photo.png'}"
        self.fails(self.trace(LLAVA, "--sites", tower), tower, "no picture", hint="--image")
        self.fails(self.trace(LLAVA, "--sites", tower, image=PICTURE), tower, "not corrupted", hint="image:FILE")
        self.fails(self.trace(LLAVA, "--sites", tower, "--corrupt", "image-rowmean", image=PICTURE), "no corrupted run", hint="proj.hook_out")
        for name in ("vision.blocks.{l}.hook_z", "vision", "proj", "vision.blocks.0.hook_attn_out"):
            self.fails(self.trace(LLAVA, "--sites", name, "--corrupt", other, image=PICTURE), name, "resid_pre", tower, "proj.hook_out")
        self.fails(self.trace(LLAVA, "--sites", "proj.hook_out", "--positions", "text", "--corrupt", other, image=PICTURE), "proj.hook_out",
                   "text", hint="image")
        self.fails(self.trace(LLAVA, "--sites", tower, "--layers", "0:50", "--corrupt", other, image=PICTURE), "--layers", "tower")
        self.fails(self.trace(LLAVA, "--sites", tower, "--freeze", "mlp", "--freeze-span", "last", "--corrupt", other, image=PICTURE), "--freeze")

    def test_constraint_that_does_not_occur(self):
        self.fails(self.trace(LLAVA, constraint="this river"), "this river", QUESTION)
        self.fails(self.trace(LLAVA, constraint=""), "constraint")
        self.fails(self.trace(LLAVA, "--constraint", "that", constraint="this country"), "that")

    def test_no_constraint_to_corrupt(self):
        self.fails(self.trace(LLAVA, constraint=None), "constraint")

    def test_empty_question(self):
        self.fails(self.trace(LLAVA, question="", constraint=None), "question")
        self.fails(self.program("ask", LLAVA, ""), "question")

    def test_image_placeholders(self):
        self.fails(self.trace(LLAVA, "--prompt", "What is this country?", image=PICTURE, question=None), "<image>")
        self.fails(self.trace(LLAVA, "--prompt", "<image><image> this country", image=PICTURE, question=None), "<image>")
        self.fails(self.trace(LLAVA, "--template", "plain", image=PICTURE), "<image>")
        self.fails(self.trace(LLAVA, question="<image> this country?", image=PICTURE), "<image>")
        self.fails(self.trace(LLAVA, "--prefill", "<image>", image=PICTURE), "<image>")

    def test_unknown_template(self):
        self.fails(self.trace(LLAVA, "--template", "mine"), "mine", "llava")

    def test_text_that_is_no_utf8(self):
        for option in ("--prefill", "--answer", "--foil", "--constraint"):
            self.fails(self.trace(LLAVA, option, "\udcff"), "UTF-8")
        self.fails(self.trace(LLAVA, question="\udcff", constraint=None), "UTF-8")

    def test_layers(self):
        self.fails(self.trace(LLAVA, "--layers", "2:5"), "--layers", "0:4")
        self.fails(self.trace(LLAVA, "--layers", "4:9"), "--layers")

    def test_spans(self):
        for span in ("nothing", "constraint:1", "constraint:x", "100:200", "0:1000", "5:5", "7:3", "-1:3", "image", "",
                     ",", "last,nothing", "0:", ":", "1", "99999999999999999999:3", "control:0", "text:"):
            for group in ((), ("--group",)):
                with self.subTest(span=span, group=group):
                    self.fails(self.trace(LLAVA, "--positions", span, *group))
            with self.subTest(corrupt=span):
                self.fails(self.trace(LLAVA, "--corrupt-span", span))
                self.fails(self.trace(LLAVA, "--freeze", "mlp", "--freeze-span", span))

    def test_sites(self):
        for sites in ("", ",", "mlp", "attn_out,,", "attn_out, mlp_out", "blocks.0.hook_attn_out"):
            with self.subTest(sites):
                self.fails(self.trace(LLAVA, "--sites", sites), "--sites")

    def test_answers(self):
        self.fails(self.trace(LLAVA, "--answer", ""), "--answer")
        self.fails(self.trace(LLAVA, "--foil", ""), "--foil")
        self.fails(self.trace(LLAVA, "--answer-id", 571), "--answer-id", "571")
        self.fails(self.trace(LLAVA, "--answer-id", 2**32), "--answer-id")

    def test_prompt_too_long(self):
        self.fails(self.trace(LLAVA, question=QUESTION * 10), "64")
        self.fails(self.program("ask", LLAVA, QUESTION * 10), "64")
        self.fails(self.trace(LLAVA, "--answer", "river " * 60, "--answer-tokens", "all"), "64")

    def test_corruptions(self):
        for spec in ("", "swap", "swap:", "swaps:x", "noise", "noise:", "noise:s", "noise:x", "noise:-1", "noise:s-1",
                     "noise:nan", "noise:inf", "noise:1e999", "noise:3x", "noise:s3@", "noise:3@f", "image-noise:s1",
                     "image-noise:", "image:", "image-mean:", "image-rowmean:x", "swap-phrase:", ":", "Swap:x",
                     "noise:s1e300", "noise:1e300"):
            with self.subTest(spec):
                self.fails(self.trace(LLAVA, "--corrupt", spec, image=PICTURE))

    def test_corruptions_of_files(self):
        empty = self.folder / "empty"
        empty.mkdir()
        for spec, words in ((f"image:{self.folder}/no.png", ("no.png",)), (f"image-mean:{self.folder}/no", ("/no",)),
                            (f"image-mean:{empty}", (empty, "no pictures")), (f"noise:s1@{self.folder}/no.jsonl", ("no.jsonl",))):
            with self.subTest(spec):
                self.fails(self.trace(LLAVA, "--corrupt", spec, image=PICTURE), *words)
        (empty / "text.txt").write_text("no picture")
        self.fails(self.trace(LLAVA, "--corrupt", f"image-mean:{empty}", image=PICTURE), "text.txt")
        for text in ("", "\n\n", "{}\n", "[]\n", "{", '{"question":"a"}\n', '{"question":1,"constraints":[{"text":"a"}]}\n',
                     '{"question":"a","constraints":[{"text":"b"}]}\n', '{"question":"a","constraints":7}\n'):
            with self.subTest(text):
                (self.folder / "set.jsonl").write_text(text)
                self.fails(self.trace(LLAVA, "--corrupt", f"noise:s1@{self.folder}/set.jsonl"), "set.jsonl")

    def test_swap_phrase_counts(self):
        self.fails(self.trace(LLAVA, "--corrupt", "swap-phrase:a b c d e f g"), "tokens")

    def test_picture_corruptions_need_a_picture(self):
        for spec in ("image-noise:1", "image-rowmean", f"image:{PICTURE}"):
            self.fails(self.trace(LLAVA, "--corrupt", spec), "--image")
        self.fails(self.trace(LLAVA, "--corrupt", "image-noise:1", "--corrupt", "image-rowmean", image=PICTURE), "two")

    def test_text_corruption_of_image_rows(self):
        for span in ("image", "all"):
            self.fails(self.trace(LLAVA, "--corrupt-span", span, image=PICTURE), "--corrupt-span")

    def test_noise_files(self):
        def npy(shape, values, header=None):
            text = (header or f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}").encode()
            text += b" " * (-(len(text) + 11) % 64) + b"\n"
            path = self.folder / "noise.npy"
            path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + values)
            return path
        rows, whole = 2, (1, 2, 32)                             # tokens of "this country", numbers in a row
        size = 4 * rows * 32
        cases = (
            (((1, 1, 7), bytes(28)), "shape [1, 1, 7], expected [samples, 2 constraint tokens, 32]"),
            (((1, 3, 32), bytes(384)), "shape [1, 3, 32]"),
            (((1, 32, 2), bytes(size)), "shape [1, 32, 2]"),
            (((0, 2, 32), b""), "shape [0, 2, 32]"),
            (((2, 32), bytes(size)), "2 dimensions, expected 3"),
            (((1, 1, 2, 32), bytes(size)), "4 dimensions, expected 3"),
            ((whole, bytes(8)), f"8 bytes of values, its shape asks for {size}"),
            (((2**40, 2**40, 2**40), b""), "larger than the file"),
            ((whole, b"\0\0\xc0\x7f" * 64), "value 0 is not finite"),
            ((whole, bytes(size - 4) + b"\0\0\x80\xff"), "value 63 is not finite"),
            (("x", b""), "shape"),
            (("()", b"\0" * 4), "0 dimensions"),
            ((whole, bytes(2 * size), f"{{'descr': '<f8', 'fortran_order': False, 'shape': {whole}, }}"), "'<f8'"),
            ((whole, bytes(size), f"{{'descr': '>f4', 'fortran_order': False, 'shape': {whole}, }}"), "'>f4'"),
            ((whole, bytes(size // 2), f"{{'descr': '<f2', 'fortran_order': False, 'shape': {whole}, }}"), "'<f2'"),
            ((whole, bytes(size), f"{{'descr': '<f4', 'fortran_order': True, 'shape': {whole}, }}"), "Fortran order"),
            ((whole, bytes(size), "{" + " " * 60000 + "}"), "no type"),
        )
        for made, words in cases:
            with self.subTest(words):
                self.fails(self.trace(LLAVA, "--noise-file", npy(*made)), "noise.npy", words)
        for header in (b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff{", b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b"{",
                       b"\x93NUMPY\x09\x00" + bytes(64), b"PK\x03\x04" + bytes(64)):
            with self.subTest(header[:12]):
                (self.folder / "noise.npy").write_bytes(header)
                self.fails(self.trace(LLAVA, "--noise-file", self.folder / "noise.npy"), "noise.npy")
        self.fails(self.trace(LLAVA, "--noise-file", self.folder), self.folder, "regular file")
        self.succeeds(self.trace(LLAVA, "--noise-file", npy(whole, bytes(size))))
        self.fails(self.trace(LLAVA, "--noise-file", self.folder / "absent.npy"), "absent.npy")


class Budget(ProgramTest):
    def test_memory_too_small(self):
        for amount in ("1", "1K", "100K"):
            self.fails(self.trace(LLAVA, "--memory", amount), "--memory", hint="--memory")
            self.fails(self.program("ask", LLAVA, QUESTION, "--memory", amount), "--memory", hint="--memory")

    def test_the_hint_is_enough(self):
        hint = self.trace(LLAVA, "--memory", "1").stderr.split("give --memory ")[1].split()[0]
        self.succeeds(self.trace(LLAVA, "--memory", hint))


if __name__ == "__main__":
    unittest.main()
