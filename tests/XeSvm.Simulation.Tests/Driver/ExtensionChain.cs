using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>A chain of SET_PROPERTY extensions in memory that does not move.</summary>
internal sealed unsafe class ExtensionChain
{
    private readonly drm_xe_ext_set_property[] _links;

    public ExtensionChain(params (uint Property, ulong Value)[] properties)
    {
        _links = GC.AllocateArray<drm_xe_ext_set_property>(properties.Length, pinned: true);
        Pinned.Keep(_links);
        for (int i = 0; i < properties.Length; i++)
        {
            _links[i].property = properties[i].Property;
            _links[i].value = properties[i].Value;
            _links[i].@base.next_extension = i + 1 < properties.Length ? AddressOf(i + 1) : 0;
        }
    }

    public ulong Address => AddressOf(0);

    public ref drm_xe_ext_set_property this[int index] => ref _links[index];

    /// <summary>The same property a number of times.</summary>
    public static ExtensionChain Repeat(int count, uint property, ulong value) => new([.. Enumerable.Repeat((property, value), count)]);

    private ulong AddressOf(int index)
    {
        fixed (drm_xe_ext_set_property* link = &_links[index])
        {
            return (ulong)link;
        }
    }
}
