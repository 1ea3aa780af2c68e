namespace XeSvm.Simulation.Driver.Ioctls;

// What only primary nodes take (drm.h, drm_mode.h): the library, which opens render nodes, has no use for it.
#pragma warning disable SA1300, IDE1006 // the kernel's names

/// <summary>GET_MAGIC, AUTH_MAGIC.</summary>
internal struct drm_auth
{
    public uint magic;
}

/// <summary>GET_CLIENT.</summary>
internal struct drm_client
{
    public int idx;
    public int auth;
    public ulong pid;
    public ulong uid;
    public ulong magic;
    public ulong iocs;
}

/// <summary>GEM_FLINK.</summary>
internal struct drm_gem_flink
{
    public uint handle;
    public uint name;
}

/// <summary>GEM_OPEN.</summary>
internal struct drm_gem_open
{
    public uint name;
    public uint handle;
    public ulong size;
}

/// <summary>MODE_CREATE_DUMB.</summary>
internal struct drm_mode_create_dumb
{
    public uint height;
    public uint width;
    public uint bpp;
    public uint flags;
    public uint handle;
    public uint pitch;
    public ulong size;
}

/// <summary>MODE_MAP_DUMB.</summary>
internal struct drm_mode_map_dumb
{
    public uint handle;
    public uint pad;
    public ulong offset;
}

/// <summary>GET_UNIQUE.</summary>
internal struct drm_unique
{
    public ulong unique_len;
    public ulong unique;
}

#pragma warning restore SA1300, IDE1006
