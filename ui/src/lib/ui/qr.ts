import { decodeQR } from "qr/decode.js";

/** Larger pictures are made smaller first: a code that fills a photo is large enough in this. */
const SIDE_AT_MOST = 1600;

/** What a QR code in a picture says; `null` where there is none. The picture stays on this device. */
export async function readCode(picture: Blob): Promise<string | null> {
  try {
    const image = await createImageBitmap(picture);
    const scale = Math.min(1, SIDE_AT_MOST / Math.max(image.width, image.height));
    const width = Math.max(1, Math.round(image.width * scale));
    const height = Math.max(1, Math.round(image.height * scale));
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) return null;
    // Transparent pictures of dark codes would be black on black.
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    context.drawImage(image, 0, 0, width, height);
    image.close();
    return readPixels(context.getImageData(0, 0, width, height));
  } catch {
    return null;
  }
}

/** The same for pixels, such as those of a camera. */
export function readPixels(pixels: ImageData): string | null {
  try {
    return decodeQR(pixels);
  } catch {
    return null;
  }
}
