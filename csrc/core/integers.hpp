// The integers of the kernels: rows, columns, entries and places are all counted in int64_t, whatever the
// type that a matrix stores its indices in. Unsigned types are for bits and for stored counts alone.
#pragma once

#include <cstdint>

namespace movieembed {

using std::int32_t;
using std::int64_t;
using std::uint16_t;
using std::uint32_t;
using std::uint64_t;
using std::uint8_t;

}  // namespace movieembed
