#!/usr/bin/env bash
# Traces anew what the documents show: docs/pictures/*.svg, with build/patchbay. The SmolLM2 picture only where
# models/smollm2 is (tools/smollm2.py). The numbers beside them: tests/docs/run_examples.py --update.
set -euo pipefail
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

draw_as() {
    local command=$1 name=$2
    shift 2
    build/patchbay "$command" "$@" --quiet --out "$scratch/$name" >/dev/null
    cp "$scratch/$name/$command.svg" "docs/pictures/$name.svg"
}

draw() {
    draw_as trace "$@"
}

flag=(demo --image models/demo/pictures/pt.png --question "What is the capital of this country?"
    --constraint "this country")
draw demo-trace "${flag[@]}"
build/patchbay knockout "${flag[@]}" --window 3 --from image --to constraint --from image --to last --from constraint --to last \
    --quiet --out "$scratch/knockout" >/dev/null
cp "$scratch/knockout/knockout.svg" docs/pictures/demo-knockout.svg
if [ -d models/flags/assembled ]; then
    build/patchbay knockout models/flags/assembled --image models/flags/pictures/pt-photo.png \
        --question "What is the capital of this country?" --constraint "this country" \
        --prefill "The capital of this country is" --window 5 --from image --to constraint --from image --to last \
        --from constraint --to last --quiet --out "$scratch/flags-knockout" >/dev/null
    cp "$scratch/flags-knockout/knockout.svg" docs/pictures/flags-knockout.svg
fi
draw_as attribute demo-attribute "${flag[@]}" --corrupt image:models/demo/pictures/es.png
draw demo-groups "${flag[@]}" --group --positions constraint,control,image,last
draw demo-blocks "${flag[@]}" --corrupt image:models/demo/pictures/es.png --blocks 2 --sites resid_post
draw_as flow demo-flow "${flag[@]}"
build/patchbay lens "${flag[@]}" --quiet --out "$scratch/lens" >/dev/null
cp "$scratch/lens/lens.svg" docs/pictures/demo-lens.svg
draw demo-heads "${flag[@]}" --corrupt image:models/demo/pictures/jp.png --sites attn_out,head_out --positions constraint,last \
    --window 3
for held in mlp attn; do
    draw demo-severed-$held "${flag[@]}" --sites resid_post --group --positions constraint,control,last \
        --freeze $held --freeze-span last
done
two=(demo --image models/demo/pictures/es.png --constraint "this country" --constraint Portuguese
    --question "Which country borders this country and has Portuguese as its language?")
draw demo-visual "${two[@]}" --corrupt-span constraint:0 --corrupt swap:Paris --sites attn_out,resid_post
draw demo-textual "${two[@]}" --corrupt-span constraint:1 --corrupt swap:French --sites attn_out,resid_post
if [ -d models/flags/assembled ]; then
    draw flags-heads models/flags/assembled --image models/flags/pictures/eg-photo.png --constraint "this country" \
        --question "What is the capital of this country?" --prefill "The capital of this country is" \
        --corrupt image:models/flags/pictures/jp-photo.png --sites attn_out,head_out --positions last --layers 20:30
fi
if [ -d models/smollm2 ]; then
    draw smollm2-france models/smollm2 --question "The capital of France is" --constraint France --corrupt swap:Poland
fi
for window in 1 3; do
    build/patchbay sweep demo models/demo/questions.jsonl --method trace --window $window --store "$scratch/window$window.db" --quiet >/dev/null
done
build/patchbay report "$scratch/window1.db" --out "$scratch/report" >/dev/null
build/patchbay report --contrast "$scratch/window1.db" "$scratch/window3.db" --out "$scratch/contrast" >/dev/null
for figure in aie-maps aie-curves; do
    cp "$scratch/report/$figure.svg" "docs/pictures/report-$figure.svg"
done
cp "$scratch/contrast/contrast.svg" docs/pictures/report-contrast.svg
