using System.Globalization;

namespace XeSvm.Tests.Statistics;

/// <summary>Texts in the form of gt0/stats.</summary>
internal static class StatisticsText
{
    /// <summary>A text with some other counters around the three of one size class.</summary>
    internal static string Of(string size, ulong count, ulong migrate, ulong copy) => string.Create(
        CultureInfo.InvariantCulture,
        $"svm_pagefault_count: {count}\ntlb_inval_count: 7\nsvm_{size}_migrate_count: {count}\nsvm_{size}_migrate_us: {migrate}\n" +
        $"svm_device_copy_us: {copy}\nsvm_{size}_device_copy_us: {copy}\nsome_counter_of_a_later_kernel: 12\n");
}
