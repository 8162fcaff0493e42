#include "gather.hpp"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "gather_isa.hpp"
#include "threads.hpp"

namespace movieembed {
namespace {

struct Choice {
    const GatherTable* table;
    const char* name;
};

Choice choose() {
#ifdef MOVIEEMBED_HAVE_X86_VARIANTS
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw"))
        return {&gather_table_avx512, "avx512"};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {&gather_table_avx2, "avx2"};
#endif
    return {&gather_table_baseline, "baseline"};
}

const Choice& chosen() {
    static const Choice choice = choose();
    return choice;
}

template <class T, class I>
GatherRows<T, I> gather_rows_function() {
    const GatherTable& t = *chosen().table;
    if constexpr (std::is_same_v<T, float>) {
        if constexpr (std::is_same_v<I, std::int32_t>)
            return t.f32_i32;
        else
            return t.f32_i64;
    } else {
        if constexpr (std::is_same_v<I, std::int32_t>)
            return t.f64_i32;
        else
            return t.f64_i64;
    }
}

// Row ranges of about equal work (entries plus rows), so that a user with thousands of likes or a run
// of empty rows does not leave a thread idle.
template <class I>
std::vector<std::int64_t> balanced_rows(const I* indptr, std::int64_t rows, std::int64_t parts) {
    std::vector<std::int64_t> cuts(static_cast<std::size_t>(parts) + 1, rows);
    cuts[0] = 0;
    const std::int64_t total = static_cast<std::int64_t>(indptr[rows]) + rows;
    for (std::int64_t p = 1; p < parts; ++p) {
        const std::int64_t target = total / parts * p;
        std::int64_t lo = cuts[static_cast<std::size_t>(p) - 1], hi = rows;
        while (lo < hi) {
            const std::int64_t mid = lo + (hi - lo) / 2;
            if (static_cast<std::int64_t>(indptr[mid]) + mid < target)
                lo = mid + 1;
            else
                hi = mid;
        }
        cuts[static_cast<std::size_t>(p)] = lo;
    }
    return cuts;
}

}  // namespace

template <class T, class I>
void gather_product(const CsrView<T, I>& a, const T* v, std::int64_t d, const T* s, const T* diag, T* out,
                    int n_threads) {
    const GatherRows<T, I> rows = gather_rows_function<T, I>();
    const int threads = threads_for(n_threads, static_cast<double>(a.indptr[a.rows]) * static_cast<double>(d));
    if (threads == 1) {
        rows(a.indptr, a.indices, a.values, 0, a.rows, v, d, s, diag, out);
        return;
    }
    const std::int64_t parts = std::max<std::int64_t>(1, std::min<std::int64_t>(a.rows, std::int64_t{16} * threads));
    const std::vector<std::int64_t> cuts = balanced_rows(a.indptr, a.rows, parts);
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (std::int64_t p = 0; p < parts; ++p)
        rows(a.indptr, a.indices, a.values, cuts[static_cast<std::size_t>(p)], cuts[static_cast<std::size_t>(p) + 1], v,
             d, s, diag, out);
}

const char* gather_isa() { return chosen().name; }

template void gather_product(const CsrView<float, std::int32_t>&, const float*, std::int64_t, const float*,
                             const float*, float*, int);
template void gather_product(const CsrView<float, std::int64_t>&, const float*, std::int64_t, const float*,
                             const float*, float*, int);
template void gather_product(const CsrView<double, std::int32_t>&, const double*, std::int64_t, const double*,
                             const double*, double*, int);
template void gather_product(const CsrView<double, std::int64_t>&, const double*, std::int64_t, const double*,
                             const double*, double*, int);

}  // namespace movieembed
