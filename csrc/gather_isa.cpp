// Compiled several times with MOVIEEMBED_ISA = baseline, avx2, avx512 and the matching flags.
//
// Nothing here may instantiate a function of external linkage (no standard library templates): the
// linker keeps one copy of those, and an AVX-512 copy would die on an older machine.
#include "gather_isa.hpp"

#define MOVIEEMBED_CAT2(a, b) a##b
#define MOVIEEMBED_CAT(a, b) MOVIEEMBED_CAT2(a, b)

namespace movieembed {
namespace {

// Rows are summed in runs of this many entries, and the runs are added up: in float32 the error then
// grows with run + entries / run, not with the 100,000 likes of a popular film.
constexpr std::int64_t kRun = 512;
constexpr std::int64_t kAhead = 8;  // entries between the prefetch of a row of V and its use

#if defined(__GNUC__)
inline void prefetch(const void* p) { __builtin_prefetch(p, 0, 3); }
#else
inline void prefetch(const void*) {}
#endif

// Columns [0, W) of one output row; W is a compile-time width so that the sums stay in registers.
template <class T, class I, int W>
inline void gather_columns(const I* idx, const T* val, std::int64_t n, const T* v, std::int64_t d, T* out) {
#if defined(__GNUC__)
    // 64 bytes: one AVX-512 register, two AVX2 or four SSE/NEON ones.
    constexpr int kLanes = 64 / static_cast<int>(sizeof(T));
    constexpr int kVecs = W / kLanes;
    typedef T Vec __attribute__((vector_size(64), aligned(alignof(T)), may_alias));
    Vec total[kVecs] = {};
    for (std::int64_t first = 0; first < n; first += kRun) {
        const std::int64_t last = first + kRun < n ? first + kRun : n;
        Vec sum[kVecs] = {};
        for (std::int64_t k = first; k < last; ++k) {
            if (k + kAhead < n) {
                const T* next = v + static_cast<std::int64_t>(idx[k + kAhead]) * d;
#pragma GCC unroll 8
                for (int j = 0; j < kVecs; ++j) prefetch(next + j * kLanes);
            }
            const T* row = v + static_cast<std::int64_t>(idx[k]) * d;
            if (val) {
                const T w = val[k];
#pragma GCC unroll 8
                for (int j = 0; j < kVecs; ++j) sum[j] += *reinterpret_cast<const Vec*>(row + j * kLanes) * w;
            } else {
#pragma GCC unroll 8
                for (int j = 0; j < kVecs; ++j) sum[j] += *reinterpret_cast<const Vec*>(row + j * kLanes);
            }
        }
#pragma GCC unroll 8
        for (int j = 0; j < kVecs; ++j) total[j] += sum[j];
    }
#pragma GCC unroll 8
    for (int j = 0; j < kVecs; ++j) *reinterpret_cast<Vec*>(out + j * kLanes) = total[j];
#else
    T total[W] = {};
    for (std::int64_t first = 0; first < n; first += kRun) {
        const std::int64_t last = first + kRun < n ? first + kRun : n;
        T sum[W] = {};
        for (std::int64_t k = first; k < last; ++k) {
            const T* row = v + static_cast<std::int64_t>(idx[k]) * d;
            const T w = val ? val[k] : T(1);
            for (int j = 0; j < W; ++j) sum[j] += w * row[j];
        }
        for (int j = 0; j < W; ++j) total[j] += sum[j];
    }
    for (int j = 0; j < W; ++j) out[j] = total[j];
#endif
}

// All columns of a narrow V (d < 16).
template <class T, class I>
inline void gather_narrow(const I* idx, const T* val, std::int64_t n, const T* v, std::int64_t d, T* out) {
    T total[16] = {};
    for (std::int64_t first = 0; first < n; first += kRun) {
        const std::int64_t last = first + kRun < n ? first + kRun : n;
        T sum[16] = {};
        for (std::int64_t k = first; k < last; ++k) {
            const T* row = v + static_cast<std::int64_t>(idx[k]) * d;
            const T w = val ? val[k] : T(1);
            for (std::int64_t j = 0; j < d; ++j) sum[j] += w * row[j];
        }
        for (std::int64_t j = 0; j < d; ++j) total[j] += sum[j];
    }
    for (std::int64_t j = 0; j < d; ++j) out[j] = total[j];
}

template <class T, class I>
void gather_rows(const I* indptr, const I* indices, const T* values, std::int64_t row_begin, std::int64_t row_end,
                 const T* v, std::int64_t d, const T* s, const T* diag, T* out) {
    for (std::int64_t r = row_begin; r < row_end; ++r) {
        const std::int64_t at = static_cast<std::int64_t>(indptr[r]);
        const std::int64_t n = static_cast<std::int64_t>(indptr[r + 1]) - at;
        const I* idx = indices + at;
        const T* val = values ? values + at : nullptr;
        T* row = out + r * d;
        std::int64_t j = 0;
        for (; j + 64 <= d; j += 64) gather_columns<T, I, 64>(idx, val, n, v + j, d, row + j);
        if (j + 32 <= d) {
            gather_columns<T, I, 32>(idx, val, n, v + j, d, row + j);
            j += 32;
        }
        if (j + 16 <= d) {
            gather_columns<T, I, 16>(idx, val, n, v + j, d, row + j);
            j += 16;
        }
        if (d < 16) gather_narrow<T, I>(idx, val, n, v, d, row);
        // The last d mod 16 columns, as the last 16: some are summed twice, to the same value.
        else if (j < d)
            gather_columns<T, I, 16>(idx, val, n, v + d - 16, d, row + d - 16);
        if (diag) {
            const T* dr = diag + r * d;
            const T sr = s[r];
            for (std::int64_t c = 0; c < d; ++c) row[c] -= sr * dr[c];
        }
    }
}

}  // namespace

extern const GatherTable MOVIEEMBED_CAT(gather_table_, MOVIEEMBED_ISA);
const GatherTable MOVIEEMBED_CAT(gather_table_, MOVIEEMBED_ISA) = {
    &gather_rows<float, std::int32_t>, &gather_rows<float, std::int64_t>, &gather_rows<double, std::int32_t>,
    &gather_rows<double, std::int64_t>};

}  // namespace movieembed
