# Where Swift code of this repository lies; read by the scripts beside this file.
sources="Package.swift Sources Tests"
for place in Snippets Examples Benchmarks/Package.swift Benchmarks/Sources Benchmarks/Tests; do
    if [ -e "$place" ]; then sources="$sources $place"; fi
done
