using XeSvm.Simulation.Driver.Ioctls;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// What the open files of a device's primary node share (drm_auth.c, drm_gem.c): one of them is the master, which lets others in, and objects have
/// names by which all of them may open them. Render nodes have nothing of it.
/// </summary>
internal sealed class PrimaryNode
{
    private readonly Lock _lock = new();
    private readonly List<BufferObject?> _names = [];
    private DrmMaster? _master;

    /// <summary>A file is opened: the first one becomes the master (drm_master_open).</summary>
    /// <param name="isAdministrator">Whether who opens it has CAP_SYS_ADMIN, and needs no master to be let in.</param>
    /// <param name="process">Who opens it.</param>
    public PrimaryClient Open(bool isAdministrator, int process)
    {
        var client = new PrimaryClient(process) { IsAuthenticated = isAdministrator };
        lock (_lock)
        {
            if (_master is null)
            {
                BecomeNewMaster(client);
            }
            else
            {
                client.Master = _master;
            }
        }

        return client;
    }

    /// <summary>A file is closed (drm_master_release).</summary>
    public void Close(PrimaryClient client)
    {
        lock (_lock)
        {
            client.Master?.Forget(client);
            _master = IsMaster(client) ? null : _master;
        }
    }

    /// <summary>Whether a file is the device's master now (drm_is_current_master).</summary>
    public bool IsMaster(PrimaryClient client) => client.OwnsMaster && ReferenceEquals(client.Master, _master);

    /// <summary>Makes a file the master (drm_setmaster_ioctl): 0, -EACCES, -EBUSY.</summary>
    public int SetMaster(PrimaryClient client)
    {
        lock (_lock)
        {
            if (!MayChangeMaster(client))
            {
                return -Errno.EACCES;
            }

            if (IsMaster(client))
            {
                return 0;
            }

            if (_master is not null)
            {
                return -Errno.EBUSY;
            }

            if (client.OwnsMaster)
            {
                _master = client.Master;
            }
            else
            {
                BecomeNewMaster(client);
            }

            return 0;
        }
    }

    /// <summary>Ends a file's being the master (drm_dropmaster_ioctl): 0, -EACCES, -EINVAL.</summary>
    public int DropMaster(PrimaryClient client)
    {
        lock (_lock)
        {
            if (!MayChangeMaster(client))
            {
                return -Errno.EACCES;
            }

            if (!IsMaster(client))
            {
                return -Errno.EINVAL;
            }

            _master = null;
            return 0;
        }
    }

    /// <summary>The number by which the master may let a file in (drm_getmagic).</summary>
    public uint GetMagic(PrimaryClient client)
    {
        lock (_lock)
        {
            return client.Master!.NumberOf(client);
        }
    }

    /// <summary>Lets in whom a number is of (drm_authmagic): 0, or -EINVAL.</summary>
    public int Authenticate(PrimaryClient master, uint magic)
    {
        lock (_lock)
        {
            return master.Master!.LetIn(magic) ? 0 : -Errno.EINVAL;
        }
    }

    /// <summary>The name of an object, which it gets if it has none (drm_gem_flink_ioctl). It has it until it is freed.</summary>
    public uint NameOf(BufferObject bufferObject)
    {
        lock (_lock)
        {
            int index = _names.IndexOf(bufferObject);
            if (index < 0)
            {
                index = _names.IndexOf(null);
                if (index < 0)
                {
                    index = _names.Count;
                    _names.Add(null);
                }

                _names[index] = bufferObject;
                bufferObject.IsNamed = true;
            }

            return (uint)index + 1;
        }
    }

    /// <summary>The object of a name, with a reference for the caller (drm_gem_open_ioctl).</summary>
    public bool TryFindName(uint name, out BufferObject? bufferObject)
    {
        lock (_lock)
        {
            bufferObject = name - 1 < (uint)_names.Count ? _names[(int)(name - 1)] : null;
            return bufferObject is not null && bufferObject.TryAddReference();
        }
    }

    /// <summary>An object that has a name is freed.</summary>
    public void ForgetName(BufferObject bufferObject)
    {
        lock (_lock)
        {
            _names[_names.IndexOf(bufferObject)] = null;
        }
    }

    /// <summary>Whoever was master before may be it again; others need CAP_SYS_ADMIN (drm_master_check_perm).</summary>
    private static bool MayChangeMaster(PrimaryClient client) =>
        (client.WasMaster && client.Process == CallerIdentity.Process) || CallerIdentity.IsAdministrator;

    /// <summary>drm_new_set_master.</summary>
    private void BecomeNewMaster(PrimaryClient client)
    {
        _master = new DrmMaster();
        client.Master?.Forget(client);
        client.Master = _master;
        client.OwnsMaster = true;
        client.WasMaster = true;
        client.IsAuthenticated = true;
    }
}

/// <summary>What an open file of a primary node is (the fields of drm_file that are about masters).</summary>
internal sealed class PrimaryClient(int process)
{
    /// <summary>Who has opened it.</summary>
    public int Process { get; } = process;

    /// <summary>Its own master, or that which was current when it was opened.</summary>
    public DrmMaster? Master { get; set; }

    /// <summary>Whether <see cref="Master"/> is its own (drm_file.is_master).</summary>
    public bool OwnsMaster { get; set; }

    public bool WasMaster { get; set; }

    /// <summary>Its number at its master; 0 until it has asked for one.</summary>
    public uint Magic { get; set; }

    /// <summary>Whether it may do what needs a master's leave.</summary>
    public bool IsAuthenticated { get; set; }
}

/// <summary>A master (drm_master): numbers files that want to be let in. Under the lock of the <see cref="PrimaryNode"/>.</summary>
internal sealed class DrmMaster
{
    private readonly List<(PrimaryClient? Owner, bool IsWaiting)> _numbers = [];

    /// <summary>A file's number, from 1: the lowest free one, and its own until it is closed.</summary>
    public uint NumberOf(PrimaryClient client)
    {
        if (client.Magic == 0)
        {
            int free = _numbers.FindIndex(number => number.Owner is null);
            if (free < 0)
            {
                free = _numbers.Count;
                _numbers.Add(default);
            }

            _numbers[free] = (client, true);
            client.Magic = (uint)free + 1;
        }

        return client.Magic;
    }

    /// <summary>Lets a file in; false when nobody has the number, or it was let in already.</summary>
    public bool LetIn(uint magic)
    {
        if (magic - 1 >= (uint)_numbers.Count || _numbers[(int)(magic - 1)] is not { IsWaiting: true, Owner: { } client })
        {
            return false;
        }

        client.IsAuthenticated = true;
        _numbers[(int)(magic - 1)] = (client, false);
        return true;
    }

    /// <summary>Takes a file's number back, if it has one.</summary>
    public void Forget(PrimaryClient client)
    {
        if (client.Magic != 0)
        {
            _numbers[(int)client.Magic - 1] = default;
            client.Magic = 0;
        }
    }
}
