using System.Reflection;
using System.Runtime.InteropServices;

namespace XeSvm.Interop.Tests;

public sealed class ErrnoTests
{
    [Fact]
    public void A_known_number_is_described_by_name_number_and_text()
    {
        Assert.Equal("ENOENT (2): No such file or directory", Errno.Describe(2));
        Assert.Equal("ETIME (62): Timer expired", Errno.Describe(Errno.ETIME));
        Assert.Equal("EHWPOISON (133): Memory page has hardware error", Errno.Describe(133));
    }

    [Fact]
    public void A_result_that_carries_the_number_negated_is_described_alike()
    {
        Assert.Equal(Errno.Describe(Errno.EINVAL), Errno.Describe(-Errno.EINVAL));
        Assert.Equal("EINVAL", Errno.Name(-Errno.EINVAL));
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(41, "41")]
    [InlineData(134, "134")]
    [InlineData(-9999, "9999")]
    [InlineData(int.MaxValue, "2147483647")]
    [InlineData(int.MinValue, "2147483648")]
    public void An_unknown_number_is_kept(int errno, string number)
    {
        Assert.Equal($"errno {number}", Errno.Describe(errno));
        Assert.Equal(number, Errno.Name(errno));
    }

    [Fact]
    public void Every_constant_is_described_with_its_own_name_number_and_the_c_librarys_text()
    {
        FieldInfo[] constants = typeof(Errno).GetFields(BindingFlags.Public | BindingFlags.Static);
        Assert.Equal(131, constants.Length);
        foreach (FieldInfo constant in constants)
        {
            int number = (int)constant.GetRawConstantValue()!;
            Assert.Equal($"{constant.Name} ({number}): {Marshal.GetPInvokeErrorMessage(number)}", Errno.Describe(number));
            Assert.Equal(constant.Name, Errno.Name(number));
        }
    }
}
