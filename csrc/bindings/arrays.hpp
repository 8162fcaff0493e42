// What every binding does with its arguments: checks of arrays, and the GIL.
//
// Nothing is converted silently: a wrong dtype, shape or layout is a TypeError or ValueError that names the
// argument. Checked arrays are borrowed, as pointers or as a Tall.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>
#include <initializer_list>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <variant>

#include "bindings/gil.hpp"
#include "core/integers.hpp"
#include "dense/dense.hpp"

namespace movieembed {

namespace py = pybind11;

constexpr int64_t kMost32 = std::numeric_limits<int32_t>::max();

template <class... Parts>
std::string joined(const Parts&... parts) {
    std::ostringstream text;
    (text << ... << parts);
    return text.str();
}

template <class... Parts>
[[noreturn]] void value_error(const Parts&... parts) {
    throw py::value_error(joined(parts...));
}

template <class... Parts>
[[noreturn]] void type_error(const Parts&... parts) {
    throw py::type_error(joined(parts...));
}

// Runs f, which touches no Python object, while other Python threads go on.
template <class F>
auto without_gil(F f) {
    const WithoutGil free;
    return f();
}

// For what is built range by range: throws where a second thread comes while one is at it.
class InUse {
public:
    explicit InUse(std::atomic_flag& flag) : flag_(flag) {
        if (flag_.test_and_set()) throw std::runtime_error("another thread is using this object");
    }
    ~InUse() { flag_.clear(); }
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;

private:
    std::atomic_flag& flag_;
};

template <class T>
bool is(const py::array& a) {
    return a.dtype().is(py::dtype::of<T>()) || a.dtype().equal(py::dtype::of<T>());
}

template <class T>
constexpr const char* type_name() {
    if constexpr (std::is_same_v<T, float>) return "float32";
    if constexpr (std::is_same_v<T, double>) return "float64";
    if constexpr (std::is_same_v<T, int32_t>) return "int32";
    return "int64";
}

[[noreturn]] inline void wrong_dtype(const char* name, const char* wanted, const py::array& a) {
    type_error(name, " must have dtype ", wanted, ", not ", py::str(py::object(a.dtype())).cast<std::string>());
}

// dtype and shape; a length of -1 stands for any.
template <class T>
void check_shape(const py::array& a, const char* name, std::initializer_list<int64_t> shape) {
    if (!is<T>(a)) wrong_dtype(name, type_name<T>(), a);
    if (a.ndim() != std::ssize(shape)) value_error(name, " must have ", shape.size(), " dimensions, not ", a.ndim());
    py::ssize_t axis = 0;
    for (const int64_t n : shape) {
        if (n >= 0 && a.shape(axis) != n)
            value_error(name, " has length ", a.shape(axis), " on axis ", axis, ", expected ", n);
        ++axis;
    }
}

template <class T>
void check_aligned(const py::array& a, const char* name) {
    if (reinterpret_cast<std::uintptr_t>(a.data()) % alignof(T) != 0) value_error(name, " must be aligned");
}

// The data of a C-contiguous, aligned array.
template <class T>
const T* checked(const py::array& a, const char* name, std::initializer_list<int64_t> shape) {
    check_shape<T>(a, name, shape);
    if (!(a.flags() & py::array::c_style)) value_error(name, " must be C-contiguous");
    check_aligned<T>(a, name);
    return static_cast<const T*>(a.data());
}

template <class T>
T* data_to_write(py::array& a, const char* name) {
    if (!a.writeable()) value_error(name, " is read-only");
    return static_cast<T*>(a.mutable_data());
}

// A row-major array whose rows may lie apart, such as some columns of a wider one.
template <class T, class Array>
Tall<T> tall(Array& a, const char* name, int64_t rows = -1, int64_t cols = -1) {
    using Value = std::remove_const_t<T>;
    check_shape<Value>(a, name, {rows, cols});
    constexpr py::ssize_t size = sizeof(Value);
    const bool empty = a.shape(0) == 0 || a.shape(1) == 0;
    const py::ssize_t step = a.shape(0) > 1 ? a.strides(0) : a.shape(1) * size;
    if (!empty && ((a.shape(1) > 1 && a.strides(1) != size) || step % size != 0 || step < a.shape(1) * size))
        value_error(name, " must have contiguous rows, one after another");
    check_aligned<Value>(a, name);
    const int64_t ld = std::max<int64_t>(1, empty ? a.shape(1) : step / size);
    if (ld > kMost32) value_error(name, " has rows too far apart");
    if constexpr (std::is_const_v<T>)
        return {static_cast<T*>(a.data()), a.shape(0), a.shape(1), ld};
    else
        return {data_to_write<T>(a, name), a.shape(0), a.shape(1), ld};
}

// The first array of a kernel, whose type the others must have.
using AnyTall = std::variant<Tall<const float>, Tall<const double>>;

inline AnyTall any_tall(const py::array& a, const char* name) {
    if (is<float>(a)) return tall<const float>(a, name);
    if (!is<double>(a)) wrong_dtype(name, "float32 or float64", a);
    return tall<const double>(a, name);
}

inline void check_no_overlap(const py::array& a, const char* a_name, const py::array& b, const char* b_name) {
    const auto* pa = static_cast<const char*>(a.data());
    const auto* pb = static_cast<const char*>(b.data());
    if (pa < pb + b.nbytes() && pb < pa + a.nbytes()) value_error(a_name, " and ", b_name, " share memory");
}

// The same of two rectangles: side by side within the same rows they are apart.
template <class T>
void check_apart(const Tall<const T>& a, const char* a_name, const Tall<T>& b, const char* b_name) {
    if (a.rows == 0 || b.rows == 0 || a.cols == 0 || b.cols == 0) return;
    const T* a_end = a.row(a.rows - 1) + a.cols;
    const T* b_end = b.row(b.rows - 1) + b.cols;
    if (a.data >= b_end || b.data >= a_end) return;
    if (a.ld == b.ld) {
        const int64_t shift = ((b.data - a.data) % a.ld + a.ld) % a.ld;
        if (shift >= a.cols && shift + b.cols <= a.ld) return;
    }
    value_error(a_name, " and ", b_name, " share memory");
}

// Where each number of an output is made of those at its own place.
template <class T>
void check_apart_or_same(const Tall<const T>& a, const char* a_name, const Tall<T>& b, const char* b_name) {
    if (a.data != b.data || a.ld != b.ld) check_apart(a, a_name, b, b_name);
}

inline void check_range(int64_t first, int64_t last, int64_t rows) {
    if (first < 0 || last < first || last > rows)
        value_error("rows [", first, ", ", last, ") are not within [0, ", rows, ")");
}

}  // namespace movieembed
