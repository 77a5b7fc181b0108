//! Smaller pictures, made with bounded memory whatever a file claims to be.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageFormat, ImageReader, Limits};

/// The longer side of a thumbnail, in pixels.
const SIDE: u32 = 320;
/// Pictures with a longer side are not looked into.
const MAX_SIDE: u32 = 16_384;
/// Memory that decoding may take: 12,000 x 5,000 pixels in four bytes each.
const MAX_MEMORY: u64 = 256 * 1024 * 1024;

/// What a picture is.
pub(super) struct Picture {
    pub(super) media_type: &'static str,
    pub(super) width: u32,
    pub(super) height: u32,
    /// A smaller one as JPEG or PNG; `None` where the picture is small itself.
    pub(super) smaller: Option<Vec<u8>>,
}

/// Looks into a file; `None` for what is no PNG, JPEG or WebP, or too large to look into. Blocks.
pub(super) fn of(path: &Path) -> Option<Picture> {
    let mut reader = ImageReader::open(path).ok()?.with_guessed_format().ok()?;
    let media_type = match reader.format()? {
        ImageFormat::Png => "image/png",
        ImageFormat::Jpeg => "image/jpeg",
        ImageFormat::WebP => "image/webp",
        _ => return None,
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits);
    let picture = reader.decode().ok()?;
    let (width, height) = (picture.width(), picture.height());
    let smaller = (width > SIDE || height > SIDE).then(|| encode(&picture.thumbnail(SIDE, SIDE)));
    Some(Picture {
        media_type,
        width,
        height,
        smaller: smaller.flatten(),
    })
}

fn encode(picture: &DynamicImage) -> Option<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    if picture.color().has_alpha() {
        picture.write_to(&mut bytes, ImageFormat::Png).ok()?;
    } else {
        let picture = DynamicImage::ImageRgb8(picture.to_rgb8());
        picture.write_to(&mut bytes, ImageFormat::Jpeg).ok()?;
    }
    Some(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::io::Write as _;

    use image::{DynamicImage, ImageFormat};

    use super::{SIDE, of};

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_picture_gets_a_smaller_one_with_its_proportions() {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let picture = DynamicImage::new_rgb8(1_280, 640);
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        let found = of(file(bytes.get_ref()).path()).unwrap();
        assert_eq!(
            (found.width, found.height, found.media_type),
            (1_280, 640, "image/png")
        );
        let small = image::load_from_memory(&found.smaller.unwrap()).unwrap();
        assert_eq!((small.width(), small.height()), (SIDE, SIDE / 2));
    }

    #[test]
    fn what_is_small_or_no_picture_or_absurd_has_none() {
        let mut bytes = std::io::Cursor::new(Vec::new());
        DynamicImage::new_rgba8(8, 8)
            .write_to(&mut bytes, ImageFormat::Png)
            .unwrap();
        assert!(of(file(bytes.get_ref()).path()).unwrap().smaller.is_none());
        assert!(of(file(b"hello").path()).is_none());
        // A header that claims 60,000 x 60,000 pixels.
        let mut header = bytes.into_inner();
        header[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
        header[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
        assert!(of(file(&header).path()).is_none());
    }
}
