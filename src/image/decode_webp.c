/* decode_webp.c: WebP through libwebp: lossy, lossless, with alpha (dropped), and of an animation the first frame on
 * its canvas. As in Pillow, what a smaller first frame leaves free of the canvas is black. */
#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include "image/decode.h"

static pb_status fail_status(const encoded *in, VP8StatusCode code, pb_error *err)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY: return fail(err, PB_ENOMEM, "%s: no memory for libwebp", in->name);
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA: return fail_truncated(in, "WebP", err);
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return fail(err, PB_EUNSUPPORTED, "%s: a kind of WebP that libwebp does not read", in->name);
    default: return fail(err, PB_EFORMAT, "%s: is a damaged WebP (libwebp's status %d)", in->name, (int)code);
    }
}

/* Decodes the frame straight into its place in out. */
static pb_status decode_frame(image *out, const WebPIterator *frame, const encoded *in, pb_error *err)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return fail(err, PB_EUNSUPPORTED, "%s: libwebp is of another version than patchbay was built for", in->name);
    size_t x = (size_t)frame->x_offset, y = (size_t)frame->y_offset;
    size_t width = (size_t)frame->width, height = (size_t)frame->height;
    if (frame->x_offset < 0 || frame->y_offset < 0 || x + width > out->width || y + height > out->height)
        return fail(err, PB_EFORMAT, "%s: is a damaged WebP: its first frame leaves the canvas", in->name);
    if (width < out->width || height < out->height)
        memset(out->pixels, 0, out->width * out->height * 3);
    size_t start = (y * out->width + x) * 3;
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = out->pixels + start;
    config.output.u.RGBA.stride = (int)(out->width * 3);
    config.output.u.RGBA.size = out->width * out->height * 3 - start;
    VP8StatusCode code = WebPGetFeatures(frame->fragment.bytes, frame->fragment.size, &config.input);
    if (code == VP8_STATUS_OK && (config.input.width != frame->width || config.input.height != frame->height))
        return fail(err, PB_EFORMAT, "%s: is a damaged WebP: a frame of %dx%d pixels says %dx%d", in->name,
                    config.input.width, config.input.height, frame->width, frame->height);
    if (code == VP8_STATUS_OK)
        code = WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
    return code == VP8_STATUS_OK ? PB_OK : fail_status(in, code, err);
}

static pb_status decode_first(image *out, const WebPDemuxer *demuxer, const encoded *in, pb_error *err)
{
    TRY(image_new(out, WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH), WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT),
                  in->name, err));
    WebPIterator frame;
    memset(&frame, 0, sizeof frame);
    if (!WebPDemuxGetFrame(demuxer, 1, &frame))
        return fail(err, PB_EFORMAT, "%s: is a WebP without a frame", in->name);
    pb_status status = decode_frame(out, &frame, in, err);
    WebPDemuxReleaseIterator(&frame);
    return status;
}

pb_status decode_webp(image *out, const encoded *in, pb_error *err)
{
    WebPData data = {in->bytes, in->size};
    WebPDemuxState state;
    WebPDemuxer *demuxer = WebPDemuxPartial(&data, &state); /* partial: to tell truncated from damaged */
    pb_status status;
    if (demuxer && state == WEBP_DEMUX_DONE)
        status = decode_first(out, demuxer, in, err);
    else if (state == WEBP_DEMUX_PARSE_ERROR)
        status = fail(err, PB_EFORMAT, "%s: is a damaged WebP", in->name);
    else
        status = fail_truncated(in, "WebP", err);
    WebPDemuxDelete(demuxer);
    return status;
}
