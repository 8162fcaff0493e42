// The inner loops of the sparse products, compiled once for each instruction set.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace movieembed {

// Sums of rows of V: for each row r in [begin, end) of a sparse matrix, of `vectors` (1 to kMaxVectors) times
// 64 bytes. Row r holds indices[ptr[r] .. ptr[r + 1]); values (may be null) run beside them.
// `entries` is the length of `indices`: what lies beyond a row is prefetched, nothing beyond that is read.
// Without `map` row r goes to out + (r - begin) * width; with it, it is added to out + map[r] * width.
// v and out are 64-byte aligned, rows of width = vectors * 64 bytes each.
template <class T, class I, class Index>
struct GatherJob {
    const I* ptr;
    const Index* indices;
    const T* values;
    std::int64_t entries;
    std::int64_t begin, end;
    const T* v;
    const I* map;
    T* out;
    int vectors;
};

constexpr int kMaxVectors = 4;

template <class T, class I, class Index>
using GatherRows = void (*)(const GatherJob<T, I, Index>&);

// LV reads columns of the matrix's own index type, L'U the 16-bit numbers of users within a block.
template <class T, class I>
struct GatherPair {
    GatherRows<T, I, I> users;
    GatherRows<T, I, std::uint16_t> items;
};

struct GatherTable {
    GatherPair<float, std::int32_t> f32_i32;
    GatherPair<float, std::int64_t> f32_i64;
    GatherPair<double, std::int32_t> f64_i32;
    GatherPair<double, std::int64_t> f64_i64;
};

extern const GatherTable gather_table_baseline;
extern const GatherTable gather_table_avx2;
extern const GatherTable gather_table_avx512;

// The instruction sets that the loops can run on here, best first ("avx512", "avx2", "baseline"), the one in
// use, at first the best, and a way to choose another, for tests and comparisons; false if there is no such.
std::vector<std::string> gather_isas();
std::string gather_isa();
bool use_gather_isa(const std::string& name);

template <class T, class I>
GatherPair<T, I> gather_functions();

}  // namespace movieembed
