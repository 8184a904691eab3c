#!/usr/bin/env bash
# Makes the demo's clip: 64 s of test picture with a running clock, and a soft note each second.
#
# 64 s is 1600 pictures at 25 a second, 32 groups of two seconds, and exactly 3000 AAC frames of
# 1024 samples at 48 kHz: the clip can be repeated for ever without a seam.
# The result is committed; run this only to change the clip. Debian: ffmpeg, fonts-dejavu-core.
set -euo pipefail
cd "$(dirname "$0")"

seconds=64
font=/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
ffmpeg=(ffmpeg -nostdin -hide_banner -loglevel warning -y -fflags +bitexact)

# Picture: bars, a clock, and a marker that crosses the picture once in four seconds.
picture="smptehdbars=size=640x360:rate=25:duration=$seconds,
eq=brightness=-0.12:saturation=0.8,
drawbox=x=0:y=108:w=640:h=116:color=0x10141c@0.86:t=fill,
drawtext=fontfile=$font:fontsize=72:fontcolor=white:x=125:y=124:text='%{eif\:floor(t/60)\:d\:2}\:%{eif\:mod(floor(t)\,60)\:d\:2}',
drawtext=fontfile=$font:fontsize=72:fontcolor=0x7cc7ff:x=342:y=124:text='.%{eif\:mod(n\,25)\:d\:2}',
drawtext=fontfile=$font:fontsize=18:fontcolor=0xb8c4d4:x=142:y=194:text='hlskey demo   minute\:second.picture'"
# drawbox cannot follow the time, overlay can.
marker="color=c=0x7cc7ff:size=16x6:rate=25:duration=$seconds"

# video NAME SIZE BITRATE LEVEL
video() {
    "${ffmpeg[@]}" -filter_complex "
        $picture [bars]; $marker [marker];
        [bars][marker] overlay=x='mod(t*160\,640)':y=218, scale=$2:flags=bicubic, format=yuv420p" \
        -c:v libx264 -threads 1 -preset veryslow -tune animation -profile:v main -level:v "$4" \
        -b:v "$3" -maxrate "$3" -bufsize "$3" -bf 0 -g 50 -keyint_min 50 -sc_threshold 0 \
        -flags +bitexact+cgop -map_metadata -1 \
        -muxdelay 0 -muxpreload 0 -f hls -hls_time 2 -hls_playlist_type vod \
        -hls_flags single_file -hls_segment_options "pat_period=86400:sdt_period=86400" \
        -hls_segment_filename "$scratch/$1.ts" "$scratch/$1.m3u8"
    cp "$scratch/$1.ts" "$1.ts"
}

# Sound: three rounds are encoded and the middle one is kept, so that the last frame's overlap
# fits the first frame's. No noise substitution: each round must decode to the same samples.
audio() {
    local note="220*pow(2\,mod(mod(floor(t)\,64)*7\,12)/12)"
    "${ffmpeg[@]}" -f lavfi -i "aevalsrc=exprs='0.22*sin(2*PI*mod(t\,1)*$note)*exp(-5*mod(t\,1))*min(1\,120*mod(t\,1))':sample_rate=48000:channel_layout=mono:duration=$((seconds * 3))" \
        -c:a aac -b:a 48k -aac_pns 0 -flags +bitexact "$scratch/audio.m4a"
    # Cut at the very frame; ADTS has no times, so the copy is counted in frames.
    "${ffmpeg[@]}" -ss "$seconds" -i "$scratch/audio.m4a" -frames:a 3000 -c copy -f adts "audio.aac"
}

video 360p 640x360 250k 3.0
video 180p 320x180 50k 2.1
audio
