/*
 * Fenced fill: no value read before an invalidation is readable after it.
 *
 * One key that carries one tag. Two instances, each with a memory tier; a shared tier with the entry, its permit and the
 * control record; a database. The writer commits and then invalidates, by key or by tag. Requests read: shared tier (one
 * step, as the script is), database, fill (one step), memory. Messages reach each instance in order, at any time.
 *
 *   -DCLUSTER     the entry's slot and the control slot are two steps: entry and permit first, control record second
 *   -DREQUESTS=3  a third request, on the second instance
 *
 * Each of these breaks the protocol in one place; the checker must find a stale read in every one:
 *   -DNOPERMIT    a fill is stored without its permit
 *   -DLATESTAMP   the entry is stamped at the fill, not before the load
 *   -DNOSTAMP     an entry is served without comparing its stamp with the tag
 *   -DNOFENCE     memory installs without asking what was invalidated since the read began
 *   -DBUSFIRST    (with CLUSTER) the invalidation is published before the entry is removed
 */
#ifndef WRITES
#define WRITES 2
#endif
#ifndef REQUESTS
#define REQUESTS 2
#endif

byte database = 0;               /* version of the truth */
byte acknowledged = 0;           /* newest version whose invalidation was acknowledged */

bit  stored = 0;                 /* shared tier: the entry */
byte storedVersion = 0, storedStamp = 0;
byte permit = 0, nextToken = 1;  /* 0: none */

byte position = 0, tagPosition = 0;    /* control record: end of the log, last invalidation of the tag */
chan bus[2] = [3] of { byte };

bit  held[2];                    /* memory tiers */
byte heldVersion[2], sequence[2], lastHit[2];

#ifdef NOSTAMP
#define SERVABLE (stored)
#else
#define SERVABLE (stored && storedStamp >= tagPosition)
#endif

inline removeEntry(byKey) {
  if
  :: byKey -> stored = 0; permit = 0
  :: else -> skip
  fi
}

inline appendToLog(byKey) {
  position++;
  if
  :: !byKey -> tagPosition = position
  :: else -> skip
  fi;
  bus[0]!position;
  bus[1]!position
}

proctype Writer() {
  byte done = 0, version;
  bit byKey;
  do
  :: done < WRITES ->
     done++;
     atomic { database++; version = database };
     if
     :: byKey = 1
     :: byKey = 0
     fi;
#ifdef CLUSTER
#ifdef BUSFIRST
     atomic { appendToLog(byKey) };
     atomic { removeEntry(byKey) };
#else
     atomic { removeEntry(byKey) };
     atomic { appendToLog(byKey) };
#endif
#else
     atomic { removeEntry(byKey); appendToLog(byKey) };
#endif
     acknowledged = version
  :: else -> break
  od
}

proctype Request(byte me) {
  byte bound, mark, token = 0, stamp, version = 0;
  bit mayInstall = 0, hit = 0;

  atomic { bound = acknowledged; mark = sequence[me] };

  atomic {                                             /* read the shared tier, or get the permit */
    if
    :: SERVABLE -> version = storedVersion; hit = 1
    :: else ->
       if
       :: permit == 0 -> permit = nextToken; nextToken++
       :: else -> skip
       fi;
       token = permit;
       stamp = position
    fi
  };

  if
  :: hit -> assert(version >= bound); mayInstall = 1
  :: else ->
     version = database;                               /* the method reads the truth ... */
     skip;                                             /* ... and takes its time */
     atomic {                                          /* fill */
#ifdef LATESTAMP
       stamp = position;
#endif
#ifdef NOPERMIT
       stored = 1; storedVersion = version; storedStamp = stamp; mayInstall = 1
#else
       if
       :: permit == token -> stored = 1; storedVersion = version; storedStamp = stamp; permit = 0; mayInstall = 1
       :: else -> skip
       fi
#endif
     };
     assert(version >= bound)
  fi;

  atomic {                                             /* install in memory */
#ifdef NOFENCE
    if
    :: mayInstall -> held[me] = 1; heldVersion[me] = version
#else
    if
    :: mayInstall && lastHit[me] <= mark -> held[me] = 1; heldVersion[me] = version
#endif
    :: else -> skip
    fi;
    version = 0; mark = 0; token = 0; stamp = 0; hit = 0; mayInstall = 0; bound = 0
  }
}

proctype Follow(byte me) {
  byte message;
  do
  :: atomic { bus[me]?message -> sequence[me]++; lastHit[me] = sequence[me]; held[me] = 0 }
  od
}

proctype Observer() {
  do
  :: atomic { SERVABLE -> assert(storedVersion >= acknowledged); break }
  :: atomic { held[0] && empty(bus[0]) -> assert(heldVersion[0] >= acknowledged); break }
  :: atomic { held[1] && empty(bus[1]) -> assert(heldVersion[1] >= acknowledged); break }
  od
}

init {
  atomic {
    run Writer();
    run Request(0);
    run Request(0);
#if REQUESTS == 3
    run Request(1);
#endif
    run Follow(0);
    run Follow(1);
    run Observer()
  }
}
