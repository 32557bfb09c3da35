"""Air gap: what a site needs, carried in as one signed file, kept and served as a repository.

    paths, documents        names in a bundle; reading closed JSON documents
    need                    which package versions a site has (inside, taken out)
    index, choice           Release and Packages files; which packages answer a need
    manifest                what a bundle holds; what it adds to an earlier one
    outside, gather, export the machine with a way out: apt, a tree of files, the bundle
    tape, chain, store      reading a bundle; the archive's own signatures; the repository inside
    arrival                 the import: signature, hashes, chain, age, then all at once
    serve                   HTTP for hosts

``paths`` to ``manifest`` are pure. Everything read from a bundle is hostile until its manifest's
signature was checked, and bounded by that manifest afterwards.
"""
