// One row range of gather_product, compiled once for each instruction set.
#pragma once

#include <cstdint>

namespace movieembed {

template <class T, class I>
using GatherRows = void (*)(const I* indptr, const I* indices, const T* values, std::int64_t row_begin,
                            std::int64_t row_end, const T* v, std::int64_t d, const T* s, const T* diag, T* out);

struct GatherTable {
    GatherRows<float, std::int32_t> f32_i32;
    GatherRows<float, std::int64_t> f32_i64;
    GatherRows<double, std::int32_t> f64_i32;
    GatherRows<double, std::int64_t> f64_i64;
};

extern const GatherTable gather_table_baseline;
extern const GatherTable gather_table_avx2;
extern const GatherTable gather_table_avx512;

}  // namespace movieembed
