using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Tests.Iommu;

public class IommuOptionsTests
{
    public static TheoryData<object, string> Wrong => new()
    {
        { new IommuOptions { Levels = 2 }, "Levels is 2" },
        { new IommuOptions { Levels = 6 }, "3, 4 or 5" },
        { new IommuOptions { Mode = (IommuMode)9 }, "off, passthrough, lazy, strict" },
        { new IommuOptions { IotlbEntries = 100 }, "power of two" },
        { new IommuOptions { IotlbEntries = 0 }, "IotlbEntries is 0" },
        { new IommuOptions { Processors = 0 }, "Processors is 0" },
        { new IommuOptions { MaxAddressMask = -1 }, "MaxAddressMask is -1" },
        { new IommuOptions { MaxTables = 0 }, "MaxTables is 0" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void What_no_IOMMU_has_is_refused_with_what_is_valid(object options, string message) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => new IommuDomain((IommuOptions)options)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(3, false, 39)]
    [InlineData(4, false, 48)]
    [InlineData(5, false, 57)]
    [InlineData(4, true, 47)]
    public void The_levels_decide_the_address_width(int levels, bool firstStage, int bits) =>
        Assert.Equal(bits, new IommuOptions { Levels = levels, FirstStage = firstStage }.AddressBits);

    [Fact]
    public void An_identity_domain_has_no_table_and_no_addresses()
    {
        using IommuDomain domain = new(new IommuOptions { Mode = IommuMode.Passthrough });
        Assert.False(domain.Translates);
        Assert.Throws<InvalidOperationException>(() => domain.Table);
        Assert.Throws<InvalidOperationException>(() => domain.Allocator);
    }
}
