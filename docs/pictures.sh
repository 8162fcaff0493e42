#!/bin/sh
# Draws the pictures of docs/gallery.md again, which shows the command of each. Run it in the
# checkout, with pip install '.[plot,map]' and Chromium; it takes some minutes.
set -e
work=$(mktemp -d)
movieembed fit demo --components 50 --out "$work/demo.npz"

movieembed map "$work/demo.npz" --out docs/map.png --items demo --title "2,000 invented films, by who liked them"

movieembed map "$work/demo.npz" --out "$work/map.html" --items demo --title "2,000 invented films"
chromium --headless=new --no-sandbox --use-angle=swiftshader --enable-unsafe-swiftshader --hide-scrollbars \
    --window-size=1400,900 --virtual-time-budget=8000 --screenshot=docs/map_page.png "file://$work/map.html#item=723"

movieembed study demo --out "$work/study" --no-wide
cp "$work/study/loss.png" docs/study.png

movieembed report "$work/demo.npz" --out "$work/report.html" --film "The Cosmic Starpilot" --film "Bloodless Crypt"
chromium --headless=new --no-sandbox --hide-scrollbars --window-size=1000,1830 --screenshot=docs/report.png \
    "file://$work/report.html"
rm -r "$work"
