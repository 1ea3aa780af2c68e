using System.Text;
using XeSvm.Interop.Native;

namespace XeSvm.Interop.Tests.Native;

public sealed class NativeLibraryCheckTests
{
    [Fact]
    public void The_library_of_this_build_is_accepted()
    {
        NativeLibraryCheck.EnsureCompatible();
        Assert.Equal(Xesvm.XESVM_ABI_VERSION, NativeMethods.xesvm_abi_version());
        Assert.Null(NativeLibraryCheck.Compare(Xesvm.XESVM_ABI_VERSION, NativeLibraryCheck.ReadSizes()));
    }

    [Fact]
    public unsafe void The_table_is_cut_to_the_callers_capacity()
    {
        xesvm_struct_size[] all = NativeLibraryCheck.ReadSizes();
        Assert.NotEmpty(all);
        xesvm_struct_size* rows = stackalloc xesvm_struct_size[2];
        rows[1].size = 12345;
        Assert.Equal(all.Length, NativeMethods.xesvm_struct_sizes(rows, 1));
        Assert.Equal(NativeLibraryCheck.NameOf(all[0]), NativeLibraryCheck.NameOf(rows[0]));
        Assert.Equal(12345u, rows[1].size);
    }

    [Fact]
    public void Another_contract_version_is_refused_with_both_numbers()
    {
        string? finding = NativeLibraryCheck.Compare(7, NativeLibraryCheck.ReadSizes());
        Assert.Equal(
            "libxesvm_native has contract version 7, but XeSvm.Interop was built for version 1. Take both from the same build.",
            finding);
    }

    [Fact]
    public void A_struct_of_another_size_is_refused_with_both_numbers()
    {
        xesvm_struct_size[] rows = Table();
        int index = Array.FindIndex(rows, row => NativeLibraryCheck.NameOf(row) == nameof(xesvm_pump_event));
        rows[index].size = 80;
        Assert.Equal(
            "The struct xesvm_pump_event has 80 bytes in libxesvm_native, but 72 bytes in XeSvm.Interop. Take both from the same build.",
            NativeLibraryCheck.Compare(Xesvm.XESVM_ABI_VERSION, rows));
    }

    [Fact]
    public void A_struct_that_the_library_does_not_list_is_refused_with_its_name()
    {
        foreach ((string name, int size) in NativeLibraryCheck.ExpectedSizes)
        {
            xesvm_struct_size[] rows = [.. Table().Where(row => NativeLibraryCheck.NameOf(row) != name)];
            string? finding = NativeLibraryCheck.Compare(Xesvm.XESVM_ABI_VERSION, rows);
            Assert.Contains($"does not list the struct {name}, which has {size} bytes", finding, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_name_that_fills_its_field_is_read_whole()
    {
        string name = new('n', 48);
        Assert.Equal(name, NativeLibraryCheck.NameOf(Row(name, 1)));
    }

    private static xesvm_struct_size[] Table() =>
        [.. NativeLibraryCheck.ExpectedSizes.Select(expected => Row(expected.Name, expected.Size))];

    private static xesvm_struct_size Row(string name, int size)
    {
        xesvm_struct_size row = new() { size = (uint)size };
        Encoding.ASCII.GetBytes(name, row.name);
        return row;
    }
}
