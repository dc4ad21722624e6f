#!/usr/bin/env bash
# Fuzz the C kernel with libFuzzer for MINUTES (default 60): needs clang with its runtime, and Python's shared library.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
minutes=${1:-60}
out=${FUZZ_FOLDER:-out/fuzz}
mkdir -p "$out/corpus"
eval "$($python - <<'PY'
import sysconfig
get = sysconfig.get_config_var
print(f"include={sysconfig.get_path('include')} libraries={get('LIBDIR')} name=python{get('LDVERSION')}")
PY
)"
clang -g -O1 -std=c11 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
    -DPy_LIMITED_API=0x030B0000 -I"$include" tests/fuzz/fuzz_native.c -o "$out/fuzz_native" \
    -L"$libraries" -Wl,-rpath,"$libraries" -l"$name" -lm
printf '&lt;b&gt; &#163;5 \303\251\342\200\246 f.r.e.e \320\260bc' >"$out/corpus/entities"
printf 'WIN $5 now!! http://a-1.b.com/x me@x.com 08712345678 aaaa' >"$out/corpus/plain"
printf "<p style='display: none'>a</p>f<!-- x -->ree<a href=\"http://a.b/c\"><img alt='x'><script>y</script><b" >"$out/corpus/markup"
ASAN_OPTIONS=detect_leaks=0 "$out/fuzz_native" -max_total_time=$((minutes * 60)) -max_len=16384 -timeout=5 \
    -artifact_prefix="$out/" -print_final_stats=1 "$out/corpus"
