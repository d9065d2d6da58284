#!/bin/sh -eu
# Builds every fuzz target, with its seeds and the dictionary, into $OUT. Run by OSS-Fuzz and
# ClusterFuzzLite in the root of the sources, with CC, CFLAGS, LIB_FUZZING_ENGINE, WORK and OUT set.
build=$WORK/peload
cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=None -DPELOAD_FUZZ=ON \
    -DPELOAD_FUZZ_INSTRUMENT= -DPELOAD_FUZZ_ENGINE="$LIB_FUZZING_ENGINE"
cmake --build "$build" -j "$(nproc)"

for target in "$build"/fuzz/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    name=$(basename "$target")
    seeds=$WORK/seeds-$name
    mkdir -p "$seeds"
    "$build/fuzz/replay_${name#fuzz_}" --write "$seeds"
    cp "$target" "$OUT/$name"
    cp fuzz/pe.dict "$OUT/$name.dict"
    zip -qj "$OUT/${name}_seed_corpus.zip" "$seeds"/*
done
