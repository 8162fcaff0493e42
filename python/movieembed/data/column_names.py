"""What columns of ratings are called in well-known data sets, and columns found by that.

The names are of MovieLens, Netflix, Amazon reviews, Goodreads, Book-Crossing, MyAnimeList, Yelp,
Steam, Last.fm, Food.com, BeerAdvocate, H&M, RetailRocket, RecBole's files and the like.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Hashable, Iterable, Sequence
from typing import Any

from movieembed._base.message import Message, Parameter
from movieembed.exceptions import ParameterError

# In lower case without separators, the surest names first: where two columns of a table have such
# names, those of an earlier group count.
Groups = tuple[frozenset[str], ...]


def _groups(*names: str) -> Groups:
    return tuple(frozenset(group.split()) for group in names)


_USER = _groups(
    "userid user uid customerid memberid",
    "reviewerid visitorid fullvisitorid custid customer accountid clientid buyerid personid "
    "profileid playerid steamid deviceid householdkey msno usersha usersha1 userno usernum "
    "usernumber iduser guestid raterid readerid listenerid viewerid shopperid reviewuserid",
    "username profilename reviewprofilename reviewername reviewer reviewers",
    "sessionid session",
)
_ITEM = _groups(
    "movieid itemid movie item iid filmid film",
    "parentasin",
    "bookid asin productid animeid mangaid artistid trackid songid albumid gameid appid recipeid "
    "businessid beerid beerbeerid wineid jokeid articleid newsid videoid showid seriesid venueid "
    "placeid gmapid gplusplaceid poiid locationid restaurantid hotelid listingid courseid "
    "contentid goodsid stockcode sku productsku bookmarkid postid paperid docid documentid urlid "
    "podcastid programid recordingid recordingmsid aid reviewproductid productproductid",
    "isbn isbn10 isbn13 book product anime artist track song game recipe beer article joke course "
    "work workid gamename artistname trackname songname beername productname",
)
_RATING = _groups(
    "rating ratings score stars liked like value",
    "overall bookrating userrating reviewoverall reviewscore reviewrating ratingvalue ratingval "
    "starrating star ratingscore myscore myrating isrecommended recommended",
)
_TIME = _groups(
    "timestamp ts",
    "time datetime",
    "date",
    "unixreviewtime unixtime timestampms timems utctimestamp createdat ratedat playedat listenedat "
    "eventtime eventtimestamp eventdate checkintime ratingdate ratingtime ratingtimestamp "
    "reviewdate invoicedate orderdate purchasedate transactiondate transactiondt tdat dateadded "
    "submitted",
    "reviewtime dateupdated",
)
RATING_COLUMNS: dict[str, Groups] = {"user": _USER, "item": _ITEM, "rating": _RATING}
TIME_COLUMNS = _TIME
USER_ALIASES = frozenset().union(*_USER)
ITEM_ALIASES = frozenset().union(*_ITEM)
RATING_ALIASES = frozenset().union(*_RATING)
TIME_ALIASES = frozenset().union(*_TIME)
TITLE_ALIASES = (
    "title", "name", "movietitle", "itemtitle", "itemname", "moviename", "booktitle",
    "producttitle", "productname", "trackname", "songname", "artistname", "gamename", "gametitle",
    "beername", "originaltitle",
)  # fmt: skip
# Names of columns that say what happened, in logs of shops.
EVENT_ALIASES = frozenset(
    {"event", "eventtype", "action", "actiontype", "behavior", "behaviortype"}
)

_SEPARATORS = str.maketrans("", "", "_ -./")
# RecBole's headers say of what kind a column is.
_KIND = re.compile(r":(token|float)(_seq)?$")


def looks_like(label: object, aliases: Container[str]) -> bool:
    """Whether a column's label is one of some usual names, in any spelling."""
    return squeezed(label) in aliases


def squeezed(label: object) -> str:
    """Return a label in lower case without separators; "" for one that is no text."""
    if not isinstance(label, str):
        return ""
    return _KIND.sub("", label).lower().translate(_SEPARATORS)


def find_column(
    columns: Sequence[Any],
    given: Hashable | None,
    groups: Sequence[Collection[str]],
    *,
    argument: str,
    role: str,
    taken: Sequence[Hashable] = (),
    required: bool = True,
) -> Any:
    """Return the label of a column, as given or found by its usual names.

    Parameters
    ----------
    columns : sequence of hashable
        Labels to choose from.
    given : hashable or None
        The label the caller named; None to look among `groups`.
    groups : sequence of collections of str
        Usual names, in lower case without separators; of an earlier group rather than a later.
    argument, role : str
        The table's argument and the label's parameter, for messages.
    taken : sequence of hashable
        Labels already used for something else.
    required : bool
        Whether not finding a column is an error; otherwise None is returned.

    Raises
    ------
    ParameterError
        If the named column is absent, or no column or several look like the one wanted.
    """
    listed = ", ".join(repr(label) for label in columns) or "none"
    if given is not None:
        if given in columns:
            return given
        what = "{given} is not a column of {argument}; it has: {listed}"
        given = Parameter(role, given)
        raise ParameterError(Message(what, given=given, argument=argument, listed=listed), role)
    found = _of_first_group([label for label in columns if label not in taken], groups)
    if len(found) == 1:
        return found[0]
    if found:
        either = " and ".join(repr(label) for label in found)
        what = f"{argument} has several columns that could be the {role}: {either}"
        advice = "{what}|; say which with {one}"
        raise ParameterError(Message(advice, what=what, one=Parameter(role, found[0])), role)
    if required:
        what = f"{argument} has no column that looks like the {role}; it has: {listed}"
        advice = "{what}|. Say which one it is with {one}"
        raise ParameterError(Message(advice, what=what, one=Parameter(role, ...)), role)
    return None


def _of_first_group(labels: Iterable[Any], groups: Iterable[Collection[str]]) -> list[Any]:
    """Return the labels whose names are of the first group that has any."""
    labels = list(labels)
    for group in groups:
        if found := [label for label in labels if looks_like(label, group)]:
            return found
    return []
