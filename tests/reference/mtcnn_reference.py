#!/usr/bin/python3
"""MTCNN in Python with OpenCV's DNN: the independent program that MTCNN's boxes are compared with.

It gives the numbers of data/group/reference_mtcnn.tsv, all 102 faces within 0.01, and of
data/lfw/reference_mtcnn.tsv, all 3,811 (--min-face 40 --central). Not run by the tests.

    apt-get install python3-opencv        (4.6 was used)
    tests/reference/mtcnn_reference.py --models ../shared/models/mtcnn/kpzhang93-caffe PICTURE... > out.tsv

What was found to matter, and is done the same way in src/stages/detect:
  - cells begin at 1: box = trunc((2 cell + 1) / scale) .. trunc((2 cell + 12) / scale);
  - pyramid and windows by covered area (INTER_AREA), also where they grow, in 8 bits;
  - a window holds the pixels x1 .. x2 of a box counted from 0, black outside the picture;
  - boxes are moved by fractions of x2 - x1 after P-Net and of x2 - x1 + 1 later; points by
    x1 - 1 + fraction * (x2 - x1 + 1);
  - of equal scores the later box wins (the last of an ascending sort).
"""
import argparse
from pathlib import Path

import cv2
import numpy as np

STAGES = (0.6, 0.7, 0.7)


def suppress(boxes, most, smaller=False):
    area = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    order, keep = np.argsort(boxes[:, 4])[::-1], []
    while len(order):
        best, order = order[0], order[1:]
        keep.append(best)
        w = np.minimum(boxes[best, 2], boxes[order, 2]) - np.maximum(boxes[best, 0], boxes[order, 0]) + 1
        h = np.minimum(boxes[best, 3], boxes[order, 3]) - np.maximum(boxes[best, 1], boxes[order, 1]) + 1
        both = np.maximum(0, w) * np.maximum(0, h)
        whole = np.minimum(area[best], area[order]) if smaller else area[best] + area[order] - both
        order = order[both / whole <= most]
    return np.array(keep, int)


def feed(net, pixels, outputs):
    """The networks were trained on transposed pictures."""
    x = (pixels.astype(np.float32) - 127.5) * 0.0078125
    net.setInput(np.ascontiguousarray(x.transpose(0, 3, 2, 1)))
    return net.forward(outputs)


def pyramid(picture, min_face, factor):
    height, width = picture.shape[:2]
    scale, shorter = 12 / min_face, min(height, width) * 12 / min_face
    level = 0
    while shorter >= 12:
        s = scale * factor ** level
        size = int(np.ceil(width * s)), int(np.ceil(height * s))
        yield s, cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        shorter, level = shorter * factor, level + 1


def propose(net, picture, min_face, factor, least):
    found = []
    for scale, level in pyramid(picture, min_face, factor):
        prob, shift = feed(net, level[None], ['prob1', 'conv4-2'])
        score, shift = prob[0, 1].T, shift[0].transpose(0, 2, 1)
        y, x = np.where(score >= least)
        if not len(y):
            continue
        edges = [np.fix((2 * v + o) / scale) for o, v in ((1, x), (1, y), (12, x), (12, y))]
        boxes = np.stack([*edges, score[y, x], *shift[:, y, x]], 1)
        found.append(boxes[suppress(boxes, 0.5)])
    return np.concatenate(found) if found else np.zeros((0, 9))


def move(boxes, shift, plus):
    w, h = (boxes[:, 2] - boxes[:, 0] + plus)[:, None], (boxes[:, 3] - boxes[:, 1] + plus)[:, None]
    out = boxes[:, :5].copy()
    out[:, [0, 2]] += shift[:, [0, 2]] * w
    out[:, [1, 3]] += shift[:, [1, 3]] * h
    return out


def square(boxes):
    out = boxes.copy()
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    side = np.maximum(w, h)
    out[:, 0] += w / 2 - side / 2
    out[:, 1] += h / 2 - side / 2
    out[:, 2], out[:, 3] = out[:, 0] + side, out[:, 1] + side
    out[:, :4] = np.fix(out[:, :4])
    return out


def windows(picture, boxes, side):
    height, width = picture.shape[:2]
    out = np.zeros((len(boxes), side, side, 3), np.uint8)
    for i, (x1, y1, x2, y2) in enumerate(boxes[:, :4].astype(int)):
        cut = np.zeros((y2 - y1 + 1, x2 - x1 + 1, 3), np.uint8)
        left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2 + 1, width), min(y2 + 1, height)
        if right > left and bottom > top:
            cut[top - y1:bottom - y1, left - x1:right - x1] = picture[top:bottom, left:right]
        out[i] = cv2.resize(cut, (side, side), interpolation=cv2.INTER_AREA)
    return out


def judge(net, picture, boxes, side, least, outputs):
    """Boxes whose score is above `least`, with it, and the network's other outputs for them."""
    answers = [a.reshape(len(boxes), -1) for a in feed(net, windows(picture, boxes, side), outputs)]
    good = answers[0][:, 1] > least
    boxes = boxes[good]
    boxes[:, 4] = answers[0][good, 1]
    return boxes, [a[good] for a in answers[1:]]


def detect(nets, picture, min_face=20, factor=0.709, stages=STAGES):
    """Rows of x1 y1 x2 y2 score and five points, best first."""
    none = np.zeros((0, 15))
    boxes = propose(nets[0], picture, min_face, factor, stages[0])
    if not len(boxes):
        return none
    boxes = boxes[suppress(boxes, 0.7)]
    boxes = square(move(boxes, boxes[:, 5:9], 0))
    boxes, (shift,) = judge(nets[1], picture, boxes, 24, stages[1], ['prob1', 'conv5-2'])
    if not len(boxes):
        return none
    keep = suppress(boxes, 0.7)
    boxes = square(move(boxes[keep], shift[keep], 1))
    boxes, (shift, points) = judge(nets[2], picture, boxes, 48, stages[2], ['prob1', 'conv6-2', 'conv6-3'])
    if not len(boxes):
        return none
    w, h = (boxes[:, 2] - boxes[:, 0] + 1)[:, None], (boxes[:, 3] - boxes[:, 1] + 1)[:, None]
    at = np.stack([boxes[:, :1] - 1 + points[:, :5] * w, boxes[:, 1:2] - 1 + points[:, 5:] * h], 2)
    boxes = move(boxes, shift, 1)
    return np.concatenate([boxes, at.reshape(-1, 10)], 1)[suppress(boxes, 0.7, smaller=True)]


def central(faces, picture):
    x = (faces[:, 0] + faces[:, 2] - picture.shape[1]) / 2
    y = (faces[:, 1] + faces[:, 3] - picture.shape[0]) / 2
    area = (faces[:, 2] - faces[:, 0]) * (faces[:, 3] - faces[:, 1])
    return faces[[np.argmax(area - 2 * (x * x + y * y))]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--models', required=True, help='folder with det1 to det3, .prototxt and .caffemodel')
    parser.add_argument('--min-face', type=int, default=20)
    parser.add_argument('--central', action='store_true', help='only the face the picture is about')
    parser.add_argument('pictures', nargs='+')
    words = parser.parse_args()
    nets = [cv2.dnn.readNetFromCaffe(f'{words.models}/det{i}.prototxt', f'{words.models}/det{i}.caffemodel') for i in (1, 2, 3)]
    points = '\t'.join(f'{p}_{c}' for p in ('leye', 'reye', 'nose', 'lmouth', 'rmouth') for c in 'xy')
    print(f'image\tx1\ty1\tx2\ty2\tscore\t{points}')
    for name in words.pictures:
        picture = cv2.cvtColor(cv2.imread(name), cv2.COLOR_BGR2RGB)
        faces = detect(nets, picture, words.min_face)
        for f in central(faces, picture) if words.central and len(faces) else faces:
            print(Path(name).name, *(f'{v:.2f}' for v in f[:4]), f'{f[4]:.5f}', *(f'{v:.2f}' for v in f[5:]), sep='\t')


if __name__ == '__main__':
    main()
