#!/usr/bin/python3
"""Makes fixtures/networks.txt: what other engines answer for made-up inputs, to hold ours against.

MTCNN comes from the published Caffe files through OpenCV's DNN module, which gets the input
transposed, as those networks were trained; FaceNet from the imported ONNX through ONNX Runtime.
Element i of an input is (i * 7919 % 1000) / 500 - 1: no picture, no person. P-Net's maps are turned
back upright. By hand, never by a build:
    make_network_fixtures.py MIRROR facenet.onnx > fixtures/networks.txt
needs numpy, opencv (4.x, with Caffe) and onnxruntime.
"""
import sys

import cv2
import numpy as np
import onnxruntime

MTCNN = [('pnet', 1, (1, 3, 26, 34), ['conv4-2', 'prob1']), ('rnet', 2, (2, 3, 24, 24), ['conv5-2', 'prob1']),
         ('onet', 3, (2, 3, 48, 48), ['conv6-2', 'conv6-3', 'prob1'])]


def made_up(shape):
    i = np.arange(np.prod(shape), dtype=np.int64)
    return ((i * 7919 % 1000) / 500 - 1).astype(np.float32).reshape(shape)


def put(network, output, values, keep):
    values = np.asarray(values, np.float32).ravel()
    step = max(1, values.size // keep)
    kept = values[::step]
    print(network, output, values.size, step, *(f'{v:.7g}' for v in kept))


def main():
    mirror, facenet = sys.argv[1:]
    for name, number, shape, outputs in MTCNN:
        path = f'{mirror}/models/mtcnn/kpzhang93-caffe/det{number}'
        net = cv2.dnn.readNetFromCaffe(path + '.prototxt', path + '.caffemodel')
        for output in outputs:
            net.setInput(np.ascontiguousarray(made_up(shape).transpose(0, 1, 3, 2)))
            answer = net.forward(output)
            put(name, output, answer.transpose(0, 1, 3, 2) if answer.ndim == 4 else answer, 200)
    session = onnxruntime.InferenceSession(facenet)
    put('facenet', 'embedding', session.run(None, {'input': made_up((1, 3, 160, 160))})[0], 512)


main()
