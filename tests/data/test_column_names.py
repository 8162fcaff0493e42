"""Columns found by the names that they have in well-known data sets."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import movieembed as me
from movieembed.data.frames import Table
from movieembed.data.rating_columns import find_rating_columns, find_time_column

# The header of each, and which of its columns are the user, the item, the rating and the time.
KNOWN = {
    "MovieLens": ("userId,movieId,rating,timestamp", 0, 1, 2, 3),
    "MovieLens, HetRec": ("userID,movieID,rating,date_day", 0, 1, 2, None),
    "Netflix Prize, Kaggle": ("Cust_Id,Movie_Id,Rating,Date", 0, 1, 2, 3),
    "Amazon 2018": (
        "overall,verified,reviewTime,reviewerID,asin,style,reviewerName,reviewText,summary,"
        "unixReviewTime",
        3, 4, 0, 9,
    ),
    "Amazon 2023": (
        "rating,title,text,images,asin,parent_asin,user_id,timestamp,helpful_vote",
        6, 5, 0, 7,
    ),
    "Amazon fine food": (
        "Id,ProductId,UserId,ProfileName,HelpfulnessNumerator,HelpfulnessDenominator,Score,Time,"
        "Summary,Text",
        2, 1, 6, 7,
    ),
    "Book-Crossing": ("User-ID,ISBN,Book-Rating", 0, 1, 2, None),
    "Goodbooks": ("user_id,book_id,rating", 0, 1, 2, None),
    "Goodreads": ("user_id,book_id,is_read,rating,is_reviewed", 0, 1, 3, None),
    "Goodreads reviews": (
        "user_id,book_id,review_id,rating,review_text,date_added,date_updated,read_at,n_votes",
        0, 1, 3, 5,
    ),
    "LibraryThing": ("work,flags,unixtime,stars,nhelpful,time,comment,user", 7, 0, 3, 5),
    "MyAnimeList": ("user_id,anime_id,rating", 0, 1, 2, None),
    "MyAnimeList 2018": ("username,anime_id,my_watched_episodes,my_score,my_status", 0, 1, 3, None),
    "MyAnimeList 2023": ("user_id,Username,anime_id,Anime Title,rating", 0, 2, 4, None),
    "Yelp": ("review_id,user_id,business_id,stars,useful,funny,cool,text,date", 1, 2, 3, 8),
    "Steam": ("app_id,helpful,funny,date,is_recommended,hours,user_id,review_id", 6, 0, 4, 3),
    "Last.fm, HetRec": ("userID,artistID,weight", 0, 1, None, None),
    "Delicious": ("userID,bookmarkID,tagID,timestamp", 0, 1, None, 3),
    "Food.com": ("user_id,recipe_id,date,rating,review", 0, 1, 3, 2),
    "BeerAdvocate": (
        "brewery_id,brewery_name,review_time,review_overall,review_aroma,review_appearance,"
        "review_profilename,beer_style,review_palate,review_taste,beer_name,beer_abv,beer_beerid",
        6, 12, 3, 2,
    ),
    "RateBeer": ("beer/name,beer/beerId,review/overall,review/time,review/profileName", 4, 1, 2, 3),
    "H&M": ("t_dat,customer_id,article_id,price,sales_channel_id", 1, 2, None, 0),
    "RetailRocket": ("timestamp,visitorid,event,itemid,transactionid", 1, 3, None, 0),
    "YooChoose": ("Session ID,Timestamp,Item ID,Category", 0, 2, None, 1),
    "Diginetica": ("sessionId,userId,itemId,timeframe,eventdate", 1, 2, None, 4),
    "Dressipi": ("session_id,item_id,date", 0, 1, None, 2),
    "OTTO": ("session,aid,ts,type", 0, 1, None, 2),
    "Cosmetics shop": (
        "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,"
        "user_session",
        7, 2, None, 0,
    ),
    "Tmall": ("user_id,item_id,cat_id,merchant_id,brand_id,month,day,action", 0, 1, None, None),
    "Alibaba mobile": (
        "user_id,item_id,behavior_type,user_geohash,item_category,time",
        0, 1, None, 5,
    ),
    "Online Retail": (
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
        6, 1, None, 4,
    ),
    "Online Retail II": (
        "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country",
        6, 1, None, 4,
    ),
    "dunnhumby": ("household_key,BASKET_ID,DAY,PRODUCT_ID,QUANTITY", 0, 3, None, None),
    "Ta-Feng": (
        "TRANSACTION_DT,CUSTOMER_ID,AGE_GROUP,PIN_CODE,PRODUCT_SUBCLASS,PRODUCT_ID,AMOUNT",
        1, 5, None, 0,
    ),
    "ModCloth": ("item_id,user_id,rating,timestamp,size,fit,user_attr", 1, 0, 2, 3),
    "RentTheRunway": (
        "fit,user_id,bust size,item_id,weight,rating,rented for,review_text,review_date",
        1, 3, 5, 8,
    ),
    "KuaiRec": (
        "user_id,video_id,play_duration,video_duration,time,date,timestamp,watch_ratio",
        0, 1, None, 6,
    ),
    "KuaiRand": ("user_id,video_id,date,hourmin,time_ms,is_click", 0, 1, None, 2),
    "Foursquare": (
        "userId,venueId,venueCategoryId,venueCategory,latitude,longitude,timezoneOffset,"
        "utcTimestamp",
        0, 1, None, 7,
    ),
    "Google Local": ("user_id,name,time,rating,text,pics,resp,gmap_id", 0, 7, 3, 2),
    "KKBox": ("msno,song_id,source_system_tab,source_screen_name,target", 0, 1, None, None),
    "Jester": ("userId,jokeId,rating", 0, 1, 2, None),
    "Coursera": ("reviews,reviewers,date_reviews,rating,course_id", 1, 4, 3, None),
    "Letterboxd": ("_id,movie_id,rating_val,user_id", 3, 1, 2, None),
    "MovieTweetings": ("user_id,movie_id,rating,rating_timestamp", 0, 1, 2, 3),
    "RecBole": ("user_id:token,item_id:token,rating:float,timestamp:float", 0, 1, 2, 3),
    "RecBole, pairs": ("user_id:token,item_id:token_seq", 0, 1, None, None),
    "Surprise": ("uid,iid,r_ui", 0, 1, None, None),
    "LensKit": ("user_id,item_id,rating,timestamp", 0, 1, 2, 3),
    "ContentWise": ("user_id,item_id,series_id,episode_number,utc_ts", 0, 1, None, None),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_columns_of_known_data_sets(name: str) -> None:
    header, *places = KNOWN[name]
    labels = header.split(",")
    table = Table(pd.DataFrame(columns=labels))
    found = find_rating_columns(table, None, None, None)
    time = find_time_column(table, None, found.values(), required=False)
    wanted = [None if place is None else labels[place] for place in places]
    assert [found.get(role) for role in ("user", "item", "rating")] + [time] == wanted


def test_of_equally_sure_names_one_is_asked_for() -> None:
    table = pd.DataFrame({"user_id": [1], "artist_id": [2], "track_id": [3]})
    with pytest.raises(ValueError, match="'artist_id' and 'track_id'; say which with item='art"):
        me.Likes.from_ratings(table)
    assert me.Likes.from_ratings(table, item="track_id").items.tolist() == [3]


def test_a_table_of_items_goes_by_id_before_names() -> None:
    ratings = pd.DataFrame({"user": [1, 2], "isbn": ["x", "y"], "stars": [5, 5]})
    items = pd.DataFrame({"book": ["Emma", "Up"], "id": ["x", "y"], "Book-Title": ["E", "U"]})
    likes = me.Likes.from_ratings(ratings, items=items)
    assert likes.items.tolist() == ["x", "y"]
    assert likes.titles is not None
    assert likes.titles.tolist() == ["E", "U"]


def test_ratings_in_place_of_likes_are_refused_by_any_usual_name() -> None:
    table = pd.DataFrame({"visitorid": [1, 2], "asin": ["x", "y"], "overall": [5, 5]})
    with pytest.raises(ValueError, match="looks like a table with a row a rating"):
        me.Likes.from_matrix(table)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"user": "user", "item": "item"}, "user='user'"),
        ({"item": "item"}, "item='item'"),
        ({"user": 0, "item": 1, "rating": "stars"}, "rating='stars'"),
        ({"user": 0, "item": (1,)}, r"item=\(1,\)"),
        ({"user": 0, "item": 7}, "item=7"),
    ],
)
def test_labels_that_numbered_columns_lack(given: dict[str, Any], wrong: str) -> None:
    table = pd.DataFrame([[1, 2, 5], [2, 1, 4]])
    with pytest.raises(ValueError, match=f"^{wrong} is not a column of ratings; it has: 0, 1, 2"):
        me.Likes.from_ratings(table, **given)
