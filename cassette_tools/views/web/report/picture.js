// Paints a picture of a body.
//
// Law: the bytes go to the browser's decoder for pictures and to a canvas, never to an element that loads something: the
// page's policy forbids images, too. What may be painted, and how large it is at most, picture.py decides; a picture of
// another size than it found is not painted. Of what moves, the first frame is shown.
"use strict";

const pictures = (() => {
  const { el } = elements;

  function paint(bytes, picture, label) {
    const { type, width, height } = picture;
    const canvas = el("canvas", { class: "picture", role: "img", "aria-label": `${label}, a picture of ${width} by ${height} pixels` });
    const said = el("figcaption", { class: "quiet" }, `${type}, ${width} × ${height} pixels`);
    const figure = el("figure", { class: "painted" }, canvas, said);
    decoded(bytes, picture).then(
      (bitmap) => {
        canvas.width = bitmap.width;
        canvas.height = bitmap.height;
        canvas.getContext("2d").drawImage(bitmap, 0, 0);
        bitmap.close();
      },
      () => {
        canvas.remove();
        said.textContent = `${said.textContent}: this browser cannot decode it.`;
      },
    );
    return figure;
  }

  async function decoded(bytes, { type, width, height }) {
    const bitmap = await createImageBitmap(new Blob([bytes], { type }));
    const turned = bitmap.width === height && bitmap.height === width; // as its EXIF data says
    if (turned || (bitmap.width === width && bitmap.height === height)) return bitmap;
    bitmap.close();
    throw new Error("another size than its header says");
  }

  return { paint };
})();
