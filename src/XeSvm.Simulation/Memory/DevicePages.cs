namespace XeSvm.Simulation.Memory;

/// <summary>Pages that stopped being device pages.</summary>
/// <param name="Cookie">Of the allocation that had them: by the time that they are settled its record may serve others.</param>
/// <param name="Address">Client address of the first page.</param>
/// <param name="Pages">How many left.</param>
/// <param name="Remaining">How many the allocation still has.</param>
/// <param name="Discarded">The client dropped them: there is no copy in system memory.</param>
/// <param name="CopyNanoseconds">Duration of the copy out of VRAM.</param>
internal readonly record struct DevicePagesLeft(ulong Cookie, ulong Address, int Pages, int Remaining, bool Discarded, ulong CopyNanoseconds);

/// <summary>The owner of an allocation whose pages can leave the device without managed code having a say.</summary>
internal interface IDevicePageOwner
{
    /// <summary>Settles the accounts of pages that have left: GPU mappings, statistics, VRAM.</summary>
    /// <param name="client">Whose pages they were. Cookies are a client's own, and a pooled record may be another's by now.</param>
    /// <param name="left">What has left.</param>
    void PagesLeft(ClientMemory client, in DevicePagesLeft left);
}

/// <summary>Names for the owners of device pages that native code can carry and return: a cookie outlives neither its owner nor its meaning.</summary>
internal sealed class DevicePageOwners
{
    private readonly Lock _lock = new();
    private IDevicePageOwner?[] _owners = new IDevicePageOwner?[64];
    private uint[] _generations = new uint[64];
    private int[] _free = new int[64];
    private int _freeCount;
    private int _used;

    /// <summary>Gives an owner its cookie; never 0.</summary>
    public ulong Add(IDevicePageOwner owner)
    {
        lock (_lock)
        {
            int index;
            if (_freeCount > 0)
            {
                index = _free[--_freeCount];
            }
            else
            {
                if (_used == _owners.Length)
                {
                    Array.Resize(ref _owners, _used * 2);
                    Array.Resize(ref _generations, _used * 2);
                    Array.Resize(ref _free, _used * 2);
                }

                index = _used++;
            }

            _owners[index] = owner;
            return ((ulong)++_generations[index] << 32) | (uint)(index + 1);
        }
    }

    /// <summary>Ends a cookie.</summary>
    public void Remove(ulong cookie)
    {
        lock (_lock)
        {
            if (TryGetIndex(cookie, out int index))
            {
                _owners[index] = null;
                _free[_freeCount++] = index;
            }
        }
    }

    /// <summary>The owner behind a cookie, or null when it has ended.</summary>
    public IDevicePageOwner? Find(ulong cookie)
    {
        lock (_lock)
        {
            return TryGetIndex(cookie, out int index) ? _owners[index] : null;
        }
    }

    private bool TryGetIndex(ulong cookie, out int index)
    {
        index = (int)(uint)cookie - 1;
        return (uint)index < (uint)_used && _owners[index] is not null && _generations[index] == (uint)(cookie >> 32);
    }
}
