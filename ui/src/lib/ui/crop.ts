import { BackendError } from "$lib/backend/backend";

/** Where the middle of the circle is, as shares of the picture, and how much it is enlarged. */
export interface View {
  x: number;
  y: number;
  zoom: number;
}

interface Size {
  width: number;
  height: number;
}

/** Pixels of the picture that is sent. */
const SIDE = 512;
/** What a server takes (docs/PROTOCOL.md, pictures). */
const BYTES_AT_MOST = 1024 * 1024;

/** The square that is seen, in pixels of the picture. */
export function cropOf(size: Size, view: View): { x: number; y: number; side: number } {
  const side = Math.min(size.width, size.height) / view.zoom;
  return { x: view.x * size.width - side / 2, y: view.y * size.height - side / 2, side };
}

/** The view kept within the picture and the zoom within its bounds. */
export function held(size: Size, view: View): View {
  const zoom = Math.min(4, Math.max(1, view.zoom));
  const { side } = cropOf(size, { ...view, zoom });
  const halfX = side / 2 / size.width;
  const halfY = side / 2 / size.height;
  return { zoom, x: Math.min(1 - halfX, Math.max(halfX, view.x)), y: Math.min(1 - halfY, Math.max(halfY, view.y)) };
}

/**
 * The picture to be sent: drawn anew, so that nothing of the file goes along but what is seen; no place where it was
 * taken, no name of a camera.
 */
export async function encode(image: ImageBitmap, view: View): Promise<Uint8Array> {
  const { x, y, side } = cropOf(image, view);
  const pixels = Math.max(1, Math.min(SIDE, Math.round(side)));
  const canvas = document.createElement("canvas");
  canvas.width = pixels;
  canvas.height = pixels;
  const context = canvas.getContext("2d");
  if (!context) throw new BackendError("picture_invalid");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, pixels, pixels);
  context.drawImage(image, x, y, side, side, 0, 0, pixels, pixels);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.88));
  if (!blob) throw new BackendError("picture_invalid");
  if (blob.size > BYTES_AT_MOST) throw new BackendError("picture_too_large");
  return new Uint8Array(await blob.arrayBuffer());
}
