#!/usr/bin/env python3
"""The towers of one model for LiteRT.js and MediaPipe.

    build/bench-litert-venv/bin/python bench/make_tflite.py <model folder>

Writes <model folder>/tflite/{image,text}.{fp32,dyn8}.tflite: fp32, and int8 weights with activations quantised as they
come; where there is a calibration.bin (kin-everyday, a convolutional tower) the image tower takes rows of pixels
instead of planes, and there are image.int8.tflite, activations quantised by ranges found before, and
image.media.tflite, fp32 with the metadata that MediaPipe's ImageEmbedder asks for. Then `done`, the names of what was made.
"""
import json
import os
import sys

import flatbuffers
import litert_torch
import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_quantizer import qtyping, quantizer, recipe, recipe_manager

import modules


def metadata(mean, std):
    """A table of MediaPipe's metadata schema by its field numbers: a picture (v - mean) / std in, one tensor out."""
    b = flatbuffers.Builder(256)

    def table(fields, *values):
        b.StartObject(fields)
        for add, number, value in values:
            add(number, value, 0)
        return b.EndObject()

    def vector(offsets):
        b.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            b.PrependUOffsetTRelative(offset)
        return b.EndVector()

    def floats(value):
        b.StartVector(4, 1, 4)
        b.PrependFloat32(value)
        return b.EndVector()

    part, kind = b.PrependUOffsetTRelativeSlot, b.PrependUint8Slot
    picture = table(2, (b.PrependInt8Slot, 0, 1))                       # ImageProperties: RGB
    content = table(2, (kind, 0, 2), (part, 1, picture))                # Content: of ImageProperties
    by, of = floats(std), floats(mean)
    options = table(2, (part, 0, of), (part, 1, by))                    # NormalizationOptions
    units = vector([table(2, (kind, 0, 1), (part, 1, options))])        # ProcessUnit
    name_in, name_out = b.CreateString('image'), b.CreateString('embedding')
    inputs = vector([table(7, (part, 0, name_in), (part, 3, content), (part, 4, units))])
    outputs = vector([table(7, (part, 0, name_out))])
    graphs = vector([table(9, (part, 2, inputs), (part, 3, outputs))])  # SubGraphMetadata
    b.Finish(table(8, (part, 3, graphs)), b'M001')
    return bytes(b.Output())


def add_metadata(path, to, data):
    with open(path, 'rb') as f:
        model = schema.ModelT.InitFromPackedBuf(f.read(), 0)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(data, np.uint8)
    entry = schema.MetadataT()
    entry.name, entry.buffer = 'TFLITE_METADATA', len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    b = flatbuffers.Builder(1 << 20)
    b.Finish(model.Pack(b), b'TFL3')
    with open(to, 'wb') as f:
        f.write(b.Output())


def fixed():
    """8 bits on both sides, but floats in and out: LiteRT.js makes no int8 tensors."""
    plan = recipe_manager.RecipeManager()
    plan.load_quantization_recipe(recipe.static_wi8_ai8())
    for end in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
        plan.add_quantization_config(regex='.*', operation_name=end, algorithm_key='no_quantize')
    return plan.get_quantization_recipe()


def quantise(path, to, plan, pictures=None):
    made = quantizer.Quantizer(path)
    made.load_quantization_recipe(plan)
    found = None
    if pictures is not None:
        (signature, inputs), = quantizer.tfl_interpreter_utils.create_tfl_interpreter(path).get_signature_list().items()
        found = made.calibrate({signature: [{inputs['inputs'][0]: one[None]} for one in pictures]})
    made.quantize(found).export_model(to, overwrite=True)


def main():
    folder = sys.argv[1]
    os.makedirs(f'{folder}/tflite', exist_ok=True)
    with open(f'{folder}/reference.json') as f:
        reference = json.load(f)
    size, mean, std = reference['size'], reference['mean'], reference['std']
    calibration, done = f'{folder}/calibration.bin', []
    rows = os.path.exists(calibration)
    at = lambda tower, dtype: f'{folder}/tflite/{tower}.{dtype}.tflite'

    def step(tower, dtype, work): # what cannot be made hinders nothing else
        try:
            work()
            done.append(f'{tower}.{dtype}')
        except Exception as error:
            print(f'{tower} tower of {folder} for LiteRT, {dtype}: {type(error).__name__}: {str(error)[:300]}', flush=True)

    for tower, example in (('image', torch.zeros(1, 3, size, size)), ('text', torch.tensor(reference['ids'][:1], dtype=torch.int32))):
        module = modules.tower(folder, tower, 'eager')
        if rows and tower == 'image':
            module, example = litert_torch.to_channel_last_io(module, args=[0]), example.permute(0, 2, 3, 1).contiguous()
        fp32 = at(tower, 'fp32')
        step(tower, 'fp32', lambda: litert_torch.convert(module.eval(), (example,)).export(fp32))
        step(tower, 'dyn8', lambda: quantise(fp32, at(tower, 'dyn8'), recipe.dynamic_wi8_afp32()))
        if rows and tower == 'image':
            pictures = np.fromfile(calibration, np.uint8).reshape(-1, size, size, 3)
            pictures = ((pictures / 255 - mean) / std).astype(np.float32)
            step(tower, 'int8', lambda: quantise(fp32, at(tower, 'int8'), fixed(), pictures))
            step(tower, 'media', lambda: add_metadata(fp32, at(tower, 'media'), metadata(255 * mean[0], 255 * std[0])))
    with open(f'{folder}/tflite/done', 'w') as f:
        f.write('\n'.join(done))


main()
