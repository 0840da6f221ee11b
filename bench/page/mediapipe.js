// MediaPipe's ImageEmbedder on the CPU: a canvas with the picture in, as its callers have it.
import { FilesetResolver, ImageEmbedder } from '/bench/node_modules/@mediapipe/tasks-vision/vision_bundle.mjs';

export async function open({ folder }, { size }) {
  const files = await FilesetResolver.forVisionTasks('/bench/node_modules/@mediapipe/tasks-vision/wasm');
  const embedder = await ImageEmbedder.createFromOptions(files, { baseOptions: { modelAssetPath: `${folder}/tflite/image.media.tflite`, delegate: 'CPU' },
    runningMode: 'IMAGE', l2Normalize: true, quantize: false });
  return {
    prepare(pixels) {
      const canvas = Object.assign(document.createElement('canvas'), { width: size, height: size });
      const image = new ImageData(size, size);
      for (let i = 0; i < size * size; i++) image.data.set([pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2], 255], 4 * i);
      canvas.getContext('2d', { willReadFrequently: true }).putImageData(image, 0, 0);
      return canvas;
    },
    run: async (canvas) => Float32Array.from(embedder.embed(canvas).embeddings[0].floatEmbedding),
  };
}
