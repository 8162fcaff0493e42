// The inner loops of the sparse products, compiled once for each instruction set.
#pragma once

#include "core/integers.hpp"

namespace movieembed {

// Sums of rows of V: for each row r in [begin, end) of a sparse matrix, of `vectors` (1 to kMaxVectors) times
// 64 bytes. Row r holds indices[ptr[r] .. ptr[r + 1]); values (may be null) run beside them.
// `entries` is the length of `indices`: what lies beyond a row is prefetched, nothing beyond that is read.
// Without `map` row r goes to out + (r - begin) * width; with it, it is added to out + map[r] * width.
// Where `highest` is not 0, larger indices are read as `highest`.
// v and out are 64-byte aligned, rows of width = vectors * 64 bytes each.
template <class T, class I, class Index>
struct GatherJob {
    const I* ptr;
    const Index* indices;
    const T* values;
    int64_t entries;
    int64_t begin, end;
    const T* v;
    Index highest;
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
    GatherRows<T, I, uint16_t> items;
};

// Those of all types; the pair of one type is a base of it (MOVIEEMBED_FOR_ISA in core/isa.hpp picks the table).
struct GatherTable : GatherPair<float, int32_t>,
                     GatherPair<float, int64_t>,
                     GatherPair<double, int32_t>,
                     GatherPair<double, int64_t> {};

extern const GatherTable gather_table_baseline;
extern const GatherTable gather_table_avx2;
extern const GatherTable gather_table_avx512;

}  // namespace movieembed
