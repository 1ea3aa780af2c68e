using CsCheck;

using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Tests.Memory;

/// <summary>Records of mappings against an array of pages.</summary>
public sealed class MappingRecordsTests
{
    private const int Pages = 40;

    private static readonly Gen<(int First, int Length, int Flags)[]> s_steps = Gen.Select(
        Gen.Int[0, Pages - 1], Gen.Int[1, 12], Gen.Int[0, 3], (first, length, flags) => (first, length, flags)).Array[1, 60];

    [Fact]
    public void Random_additions_and_removals_agree_with_an_array_of_pages() => s_steps.Sample(steps =>
    {
        var records = new MappingRecords();
        var model = new ClientVmaFlags?[Pages];
        foreach ((int first, int length, int kind) in steps)
        {
            int end = Math.Min(first + length, Pages);
            ClientVmaFlags? flags = kind == 3 ? null : (ClientVmaFlags)kind;
            if (flags is null)
            {
                records.Remove(Address(first), Address(end));
            }
            else
            {
                records.Add(Address(first), Address(end), flags.Value);
            }

            Array.Fill(model, flags, first, end - first);
            Check(records, model, first, end);
            Check(records, model, 0, Pages);
        }
    }, iter: 200);

    [Fact]
    public void Neighbours_with_equal_flags_are_one_record()
    {
        var records = new MappingRecords();
        for (int page = 0; page < 1000; page += 2)
        {
            records.Add(Address(page), Address(page + 1), ClientVmaFlags.Read);
        }

        Assert.Equal(500, records.Count);
        for (int page = 1; page < 1000; page += 2)
        {
            records.Add(Address(page), Address(page + 1), ClientVmaFlags.Read);
        }

        Assert.Equal(1, records.Count);
    }

    private static ulong Address(int page) => (ulong)page << 12;

    /// <summary>Walks the records of a range and compares every page.</summary>
    private static void Check(MappingRecords records, ClientVmaFlags?[] model, int first, int end)
    {
        int page = first;
        while (records.TryFind(Address(page), Address(end), out ClientVma record))
        {
            Assert.True(record.Start >= Address(page) && record.Start < record.End && record.End <= Address(end), $"{record}");
            for (; Address(page) < record.Start; page++)
            {
                Assert.Null(model[page]);
            }

            for (; Address(page) < record.End; page++)
            {
                Assert.Equal(record.Flags, model[page]);
            }
        }

        for (; page < end; page++)
        {
            Assert.Null(model[page]);
        }
    }
}
