#include "gather.hpp"

#include <algorithm>
#include <atomic>
#include <type_traits>
#include <vector>

#include "gather_isa.hpp"
#include "threads.hpp"

namespace movieembed {
namespace {

struct Variant {
    const char* name;
    const GatherTable* table;
};

// The variants that this machine can run, best first.
std::vector<Variant> runnable() {
    std::vector<Variant> found;
#ifdef MOVIEEMBED_HAVE_X86_VARIANTS
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw"))
        found.push_back({"avx512", &gather_table_avx512});
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back({"avx2", &gather_table_avx2});
#endif
    found.push_back({"baseline", &gather_table_baseline});
    return found;
}

const std::vector<Variant>& variants() {
    static const std::vector<Variant> all = runnable();
    return all;
}

std::atomic<std::size_t> chosen{0};

template <class T, class I>
GatherRows<T, I> gather_rows_function() {
    const GatherTable& t = *variants()[chosen.load()].table;
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

std::vector<std::string> gather_isas() {
    std::vector<std::string> names;
    for (const Variant& v : variants()) names.emplace_back(v.name);
    return names;
}

std::string gather_isa() { return variants()[chosen.load()].name; }

bool use_gather_isa(const std::string& name) {
    for (std::size_t v = 0; v < variants().size(); ++v)
        if (name == variants()[v].name) {
            chosen.store(v);
            return true;
        }
    return false;
}

template void gather_product(const CsrView<float, std::int32_t>&, const float*, std::int64_t, const float*,
                             const float*, float*, int);
template void gather_product(const CsrView<float, std::int64_t>&, const float*, std::int64_t, const float*,
                             const float*, float*, int);
template void gather_product(const CsrView<double, std::int32_t>&, const double*, std::int64_t, const double*,
                             const double*, double*, int);
template void gather_product(const CsrView<double, std::int64_t>&, const double*, std::int64_t, const double*,
                             const double*, double*, int);

}  // namespace movieembed
