// The columns of a tall matrix, cut into slices that threads take.
#pragma once

#include <algorithm>
#include <vector>

#include "core/integers.hpp"
#include "product/gather_isa.hpp"

namespace movieembed {

struct Slice {
    std::size_t number;
    int64_t first;    // column
    int64_t columns;  // of them in V; the rest is padding
    int vectors;
};

// Equal widths, one slice a thread where that leaves them 128 bytes or more.
inline std::vector<Slice> slices_of(int64_t d, int64_t lanes, int threads) {
    const int64_t vectors = (d + lanes - 1) / lanes;
    const int64_t least = (vectors + kMaxVectors - 1) / kMaxVectors;
    const int64_t count = std::max(least, std::min<int64_t>(threads, vectors / 2));
    std::vector<Slice> slices;
    int64_t at = 0;
    for (int64_t s = 0; s < count; ++s) {
        const int64_t width = vectors / count + (s < vectors % count ? 1 : 0);
        slices.push_back({slices.size(), at * lanes, std::min(width * lanes, d - at * lanes), static_cast<int>(width)});
        at += width;
    }
    return slices;
}

template <class T>
void pack_row(const T* from, const Slice& s, T* to, int64_t width) {
    std::copy_n(from + s.first, s.columns, to);
    std::fill(to + s.columns, to + width, T(0));
}

}  // namespace movieembed
