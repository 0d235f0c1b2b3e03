#!/usr/bin/env python3
"""YuNet through OpenCV's own FaceDetectorYN and SCRFD through ONNX Runtime: made group_yunet.tsv and
group_scrfd.tsv, beside this file. Not run by the tests.

    python3 -m venv v; v/bin/pip install numpy opencv-python-headless onnxruntime    (5.0.0 and 1.31.1 were used)
    v/bin/python tests/reference/grid_reference.py yunet .../yunet_n_dynamic.onnx PICTURE... > group_yunet.tsv
    v/bin/python tests/reference/grid_reference.py scrfd .../scrfd_500m_bnkps.onnx PICTURE... > group_scrfd.tsv

Pictures are shrunk by covered area: for YuNet to 640 pixels at most, for SCRFD into the top left of
640 x 640. Thresholds 0.7 and 0.5, overlaps 0.3 and 0.4.
"""
import sys
from pathlib import Path

import cv2
import numpy as np


def shrink(picture, scale):
    height, width = picture.shape[:2]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(picture, (round(width * scale), round(height * scale)), interpolation=how)


def yunet(model, picture):
    scale = min(1, 640 / max(picture.shape[:2]))
    small = shrink(picture, scale)
    detector = cv2.FaceDetectorYN.create(model, '', (small.shape[1], small.shape[0]), 0.7, 0.3, 5000)
    found = detector.detect(small)[1]
    for f in found if found is not None else []:
        box = np.array([f[0], f[1], f[0] + f[2], f[1] + f[3]])
        yield box / scale, f[14], f[4:14] / scale


def overlap(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0, w) * max(0, h)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def scrfd(model, picture):
    import onnxruntime
    session = onnxruntime.InferenceSession(model)
    scale = 640 / max(picture.shape[:2])
    small, canvas = shrink(picture[..., ::-1], scale), np.zeros((640, 640, 3), np.uint8)
    canvas[:small.shape[0], :small.shape[1]] = small
    x = ((canvas.astype(np.float32) - 127.5) / 128).transpose(2, 0, 1)[None]
    out = dict(zip([o.name for o in session.get_outputs()], session.run(None, {'input.1': x})))
    faces = []
    for stride in (8, 16, 32):
        cells = 640 // stride
        grid = np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), -1).reshape(-1, 2)
        corner = np.repeat(grid, 2, 0) * stride
        score, box = out[f'score_{stride}'].ravel(), out[f'bbox_{stride}'].reshape(-1, 4) * stride
        points = out[f'kps_{stride}'].reshape(-1, 5, 2) * stride + corner[:, None]
        boxes = np.concatenate([corner - box[:, :2], corner + box[:, 2:]], 1)
        faces += [(boxes[i], score[i], points[i].ravel()) for i in np.where(score >= 0.5)[0]]
    kept = []
    for f in sorted(faces, key=lambda f: -f[1]):
        if all(overlap(f[0], k[0]) <= 0.4 for k in kept):
            kept.append(f)
    return [(box / scale, score, points / scale) for box, score, points in kept]


def main():
    kind, model, pictures = sys.argv[1], sys.argv[2], sys.argv[3:]
    points = '\t'.join(f'{p}_{c}' for p in ('leye', 'reye', 'nose', 'lmouth', 'rmouth') for c in 'xy')
    print(f'image\tx1\ty1\tx2\ty2\tscore\t{points}')
    for name in pictures:
        for box, score, at in {'yunet': yunet, 'scrfd': scrfd}[kind](model, cv2.imread(name)):
            print(Path(name).name, *(f'{v:.2f}' for v in box), f'{score:.5f}', *(f'{v:.2f}' for v in at), sep='\t')


if __name__ == '__main__':
    main()
