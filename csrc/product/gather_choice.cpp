// Picks the compiled variant of gather_isa.cpp that suits the machine.
#include <atomic>
#include <type_traits>

#include "product/gather_isa.hpp"

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

}  // namespace

template <class T, class I>
GatherPair<T, I> gather_functions() {
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

template GatherPair<float, std::int32_t> gather_functions();
template GatherPair<float, std::int64_t> gather_functions();
template GatherPair<double, std::int32_t> gather_functions();
template GatherPair<double, std::int64_t> gather_functions();

}  // namespace movieembed
