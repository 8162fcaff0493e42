#include "core/isa.hpp"

#include <atomic>

namespace movieembed {
namespace {

struct Variant {
    const char* name;
    Isa isa;
};

// The variants that this machine can run, best first.
const std::vector<Variant>& variants() {
    static const std::vector<Variant> all = [] {
        std::vector<Variant> found;
#ifdef MOVIEEMBED_HAVE_X86_VARIANTS
        __builtin_cpu_init();
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
            found.push_back({"avx512", Isa::avx512});
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back({"avx2", Isa::avx2});
#endif
        found.push_back({"baseline", Isa::baseline});
        return found;
    }();
    return all;
}

std::atomic<std::size_t> chosen{0};

}  // namespace

std::vector<std::string> gather_isas() {
    std::vector<std::string> names;
    for (const Variant& v : variants()) names.emplace_back(v.name);
    return names;
}

Isa isa_in_use() { return variants()[chosen.load()].isa; }

std::string gather_isa() { return variants()[chosen.load()].name; }

bool use_gather_isa(const std::string& name) {
    for (std::size_t v = 0; v < variants().size(); ++v)
        if (name == variants()[v].name) {
            chosen.store(v);
            return true;
        }
    return false;
}

}  // namespace movieembed
