// Compiled several times with MOVIEEMBED_ISA = baseline, avx2, avx512 and the matching flags.
//
// Nothing here may instantiate a function of external linkage (no standard library templates): the
// linker keeps one copy of those, and an AVX-512 copy would die on an older machine.
#include "product/gather_isa.hpp"

#define MOVIEEMBED_CAT2(a, b) a##b
#define MOVIEEMBED_CAT(a, b) MOVIEEMBED_CAT2(a, b)

namespace movieembed {
namespace {

// Rows are summed in runs of this many entries, and the runs are added up: in float32 the error then
// grows with run + entries / run, not with the 100,000 likes of a popular film.
constexpr int64_t kRun = 512;
constexpr int64_t kAhead = 10;     // entries between the prefetch of a row of V and its use
constexpr int64_t kRowsAhead = 8;  // rows between the prefetch of a row of OUT and its use

// One register. GCC keeps vectors of several registers in memory.
#if defined(__AVX512F__)
constexpr int kRegister = 64;
#elif defined(__AVX__)
constexpr int kRegister = 32;
#else
constexpr int kRegister = 16;
#endif

#if defined(__GNUC__)
inline void prefetch(const void* p) { __builtin_prefetch(p, 0, 3); }
template <class T>
struct Vector {
    typedef T Type __attribute__((vector_size(kRegister), may_alias));
};
#else
inline void prefetch(const void*) {}
template <class T>
struct Vector {
    struct Type {
        T x[kRegister / sizeof(T)];
        Type& operator+=(const Type& other) {
            for (std::size_t j = 0; j < kRegister / sizeof(T); ++j) x[j] += other.x[j];
            return *this;
        }
        friend Type operator*(const Type& a, T w) {
            Type result = a;
            for (T& value : result.x) value *= w;
            return result;
        }
    };
};
#endif

template <bool kAll, bool kClamped, int N, class T, class Index>
inline void sum_run(const Index* idx, const T* val, int64_t first, int64_t last, const T* v, Index highest,
                    typename Vector<T>::Type* sum) {
    using Vec = typename Vector<T>::Type;
    constexpr int64_t kWidth = N * (kRegister / sizeof(T));
    const auto at = [&](int64_t k) { return v + (kClamped && idx[k] > highest ? highest : idx[k]) * kWidth; };
    for (int64_t k = first; k < last; ++k) {
        if constexpr (kAll) {
            const char* next = reinterpret_cast<const char*>(at(k + kAhead));
#pragma GCC unroll 4
            for (int j = 0; j < N * kRegister; j += 64) prefetch(next + j);
        }
        const Vec* row = reinterpret_cast<const Vec*>(at(k));
        if (val) {
            const T w = val[k];
#pragma GCC unroll 16
            for (int j = 0; j < N; ++j) sum[j] += row[j] * w;
        } else {
#pragma GCC unroll 16
            for (int j = 0; j < N; ++j) sum[j] += row[j];
        }
    }
}

template <bool kClamped, int N, class T, class I, class Index>
void gather_width(const GatherJob<T, I, Index>& job) {
    using Vec = typename Vector<T>::Type;
    constexpr int64_t kWidth = N * (kRegister / sizeof(T));
    // Row by row. Its sum stays in N registers: a slice of 256 bytes takes 16 of SSE's, 4 of AVX-512's.
    // Runs of 512 are added up in a second set; the last entries of all are summed without prefetch, which would read
    // too far.
    for (int64_t r = job.begin; r < job.end; ++r) {
        const int64_t begin = job.ptr[r];
        const int64_t end = job.ptr[r + 1];
        const int64_t with_prefetch = job.entries - kAhead < end ? job.entries - kAhead : end;
        if (job.map && r + kRowsAhead < job.end) {
            const char* next = reinterpret_cast<const char*>(job.out + job.map[r + kRowsAhead] * kWidth);
#pragma GCC unroll 4
            for (int j = 0; j < N * kRegister; j += 64) prefetch(next + j);
        }
        Vec total[N] = {};
        for (int64_t first = begin; first < end; first += kRun) {
            const int64_t last = first + kRun < end ? first + kRun : end;
            const int64_t middle = with_prefetch < first ? first : (with_prefetch < last ? with_prefetch : last);
            Vec sum[N] = {};
            sum_run<true, kClamped, N>(job.indices, job.values, first, middle, job.v, job.highest, sum);
            sum_run<false, kClamped, N>(job.indices, job.values, middle, last, job.v, job.highest, sum);
#pragma GCC unroll 16
            for (int j = 0; j < N; ++j) total[j] += sum[j];
        }
        if (job.map) {
            Vec* out = reinterpret_cast<Vec*>(job.out + job.map[r] * kWidth);
#pragma GCC unroll 16
            for (int j = 0; j < N; ++j) out[j] += total[j];
        } else {
            Vec* out = reinterpret_cast<Vec*>(job.out + (r - job.begin) * kWidth);
#pragma GCC unroll 16
            for (int j = 0; j < N; ++j) out[j] = total[j];
        }
    }
}

template <bool kClamped, class T, class I, class Index>
void gather_rows_to(const GatherJob<T, I, Index>& job) {
    constexpr int k64 = 64 / kRegister;
    switch (job.vectors) {
        case 1:
            return gather_width<kClamped, k64>(job);
        case 2:
            return gather_width<kClamped, 2 * k64>(job);
        case 3:
            return gather_width<kClamped, 3 * k64>(job);
        default:
            return gather_width<kClamped, 4 * k64>(job);
    }
}

template <class T, class I, class Index>
void gather_rows(const GatherJob<T, I, Index>& job) {
    if constexpr (sizeof(Index) > sizeof(uint16_t))  // of users none is clamped
        if (job.highest) return gather_rows_to<true>(job);
    gather_rows_to<false>(job);
}

template <class T, class I>
constexpr GatherPair<T, I> kPair = {&gather_rows<T, I, I>, &gather_rows<T, I, uint16_t>};

}  // namespace

extern const GatherTable MOVIEEMBED_CAT(gather_table_, MOVIEEMBED_ISA);
const GatherTable MOVIEEMBED_CAT(gather_table_, MOVIEEMBED_ISA) = {kPair<float, int32_t>, kPair<float, int64_t>,
                                                                   kPair<double, int32_t>, kPair<double, int64_t>};

}  // namespace movieembed
