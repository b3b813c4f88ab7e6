/* SPDX-License-Identifier: Apache-2.0 */
/* The shared library is the sum of the folder libraries; CMake wants one source of its own. */
typedef int mgp_empty_translation_unit;
